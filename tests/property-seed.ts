import * as fc from "fast-check"

// Where properties take their inputs from: what `KEYGROVE_PROPERTY_SEED` says, as `npm run verify` does; else other ones in every run. A failure prints its seed either way.
const seed = process.env["KEYGROVE_PROPERTY_SEED"]
if (seed !== undefined) {
  if (!/^-?\d{1,10}$/.test(seed)) throw new TypeError(`KEYGROVE_PROPERTY_SEED is "${seed}", which is no whole number`)
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) })
}
