export { formatPeerAddress, parsePeerAddress, peerIdOf } from "./addresses.ts"
export { libp2pErrors, type Libp2pErrorCode } from "./errors.ts"
export { openLibp2pTransport, type Libp2pTransportOptions } from "./transport.ts"
