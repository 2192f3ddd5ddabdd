import type { Shape } from "@keygrove/base"
import { MAX_CONTACT_ADDRESS_CHARACTERS, MAX_CONTACT_ADDRESSES } from "@keygrove/hierarchy"
import * as v from "valibot"

/** Addresses that a node tells in a meeting: as many as a statement of trust keeps. What is no address is passed over by whoever dials. */
export const meetingAddressesShape: Shape<string[]> = v.pipe(
  v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_CONTACT_ADDRESS_CHARACTERS), v.regex(/^[!-~]+$/))),
  v.maxLength(MAX_CONTACT_ADDRESSES),
)
