/** The binding alone: the package's types describe its plain entry only. */
declare module "secp256k1/bindings.js" {
  const binding: typeof import("secp256k1")
  export default binding
}
