/** Most shares of one policy; `.kg` policies, receipts and messages are sized by it. */
export const MAX_SHARES = 30
/** Most addresses in proxy terms. */
export const MAX_PROXY_ADDRESSES = 16
/** Longest address in characters. */
export const MAX_ADDRESS_CHARACTERS = 256
/** Most fragments a proxy may offer to keep. */
export const MAX_PROXY_CAPACITY = 10_000_000
/** Longest sealed label of a policy in bytes. */
export const MAX_SEALED_LABEL_BYTES = 256
