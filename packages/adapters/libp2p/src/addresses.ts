import { ok, refuse, type Result } from "@keygrove/base"
import type { PeerAddress } from "@keygrove/service"
import { publicKeyFromRaw } from "@libp2p/crypto/keys"
import type { PeerId } from "@libp2p/interface"
import { peerIdFromPublicKey, peerIdFromString } from "@libp2p/peer-id"
import { multiaddr, type Multiaddr } from "@multiformats/multiaddr"

const KEY_BYTES = 32
const MAX_ADDRESS_CHARACTERS = 512
/** Addresses of one peer that are tried. */
const MAX_DIALED_ADDRESSES = 16

const TCP_ADDRESS = /^\/(?:ip4|ip6|dns|dns4|dns6)\/[^/]{1,253}\/tcp\/\d{1,5}$/

/** libp2p's name of a node: its Ed25519 signing key (32 bytes) as an identity multihash. */
export function peerIdOf(signingKey: Uint8Array): PeerId {
  if (signingKey.length !== KEY_BYTES) throw new RangeError(`a signing key has ${KEY_BYTES} bytes, got ${signingKey.length}`)
  return peerIdFromPublicKey(publicKeyFromRaw(signingKey))
}

/** The signing key in a peer id; `undefined` for other kinds of keys. */
export function signingKeyOf(peer: PeerId): Uint8Array | undefined {
  return peer.type === "Ed25519" ? Uint8Array.from(peer.publicKey.raw) : undefined
}

/** Reads `/ip4/192.0.2.7/tcp/7410/p2p/12D3KooW…`. */
export function parsePeerAddress(text: string): Result<PeerAddress, "ADDRESS_INVALID"> {
  const invalid = (reason: string): Result<never, "ADDRESS_INVALID"> =>
    refuse("ADDRESS_INVALID", `the address ${reason}; it looks like /ip4/192.0.2.7/tcp/7410/p2p/12D3KooW…`)
  const cut = text.lastIndexOf("/p2p/")
  if (text.length > MAX_ADDRESS_CHARACTERS) return invalid(`has ${text.length} characters`)
  if (cut < 1) return invalid("does not end with /p2p/ and the id of a node")
  try {
    const address = multiaddr(text.slice(0, cut)).toString()
    const signingKey = signingKeyOf(peerIdFromString(text.slice(cut + "/p2p/".length)))
    return signingKey === undefined ? invalid("names a node without an Ed25519 key") : ok({ signingKey, addresses: [address] })
  } catch {
    // Both parsers throw plain Errors that quote their input.
    return invalid("is malformed")
  }
}

/** Inverse of {@link parsePeerAddress} for the first address. */
export function formatPeerAddress(peer: PeerAddress): string {
  return `${peer.addresses[0] ?? ""}/p2p/${peerIdOf(peer.signingKey).toString()}`
}

/** Where a peer is dialed. What other nodes say of their addresses is text: whatever is not a TCP address is left out. */
export function dialable(peer: PeerAddress, id: PeerId): Multiaddr[] {
  return peer.addresses
    .slice(0, MAX_DIALED_ADDRESSES)
    .filter((address) => TCP_ADDRESS.test(address))
    .flatMap((address) => {
      try {
        return [multiaddr(`${address}/p2p/${id.toString()}`)]
      } catch {
        // An address of no possible host or port, such as /ip4/999.1.1.1/tcp/1.
        return []
      }
    })
}
