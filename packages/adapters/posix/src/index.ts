export { openPeerCredentials, type PeerCredentials, type PeerCredentialsReader } from "./peer-credentials.ts"
export { openReadable } from "./readable.ts"
export { notifyServiceManager, type ServiceState } from "./service-manager.ts"
export { makeUndumpable } from "./undumpable.ts"
