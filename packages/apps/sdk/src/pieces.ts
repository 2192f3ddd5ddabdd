import { AnswerFields } from "./rpc/fields.ts"
import { decodeMeasurement, decodePieces, type PiecesMeasurement, type PiecesState } from "./rpc/pieces.ts"

interface PiecesCallOptions {
  readonly signal?: AbortSignal
}

type Call = (method: string, params: object, options: PiecesCallOptions) => Promise<unknown>

/** How a member is unlocked; what is left out stays as it was. */
export interface JoinTerms {
  /** `approve`: a person must agree on another node each time. */
  readonly unlock?: "auto" | "approve"
  /** `tpm2`: holders ask for a fresh quote of this machine's TPM, in the state that it is in now. */
  readonly evidence?: "tpm2" | "none"
  /** Registers of the TPM that evidence covers, ascending. */
  readonly pcrs?: readonly number[]
  /** In hex, up to 3: digests of other states that are accepted as well. */
  readonly acceptDigests?: readonly string[]
}

/** Whether a holder has a piece. */
export interface PieceProof {
  readonly owner: string
  readonly holder: string
  readonly generation: number
  /** `proved`, `lost` (the holder says that it has no such piece), `wrong` (its proof does not hold) or `unreachable`. */
  readonly state: string
  readonly reason?: string
}

/** A locked node that waits for a person's word. */
export interface UnlockRequestInfo {
  readonly node: string
  /** The first hex digits of its request, which the locked node shows too. */
  readonly request: string
  readonly askedAt: Date
  readonly approved: boolean
}

/** Key pieces: what other nodes keep, so that this one restarts without a passphrase. Every method throws `KeygroveError` with a code of docs/errors.md. */
export class Pieces {
  readonly #call: Call

  constructor(call: Call) {
    this.#call = call
  }

  /** Makes the node a member, or changes how it is unlocked. What follows takes the node a while; see {@link status}. */
  async join(options: PiecesCallOptions & JoinTerms = {}): Promise<PiecesState> {
    const { acceptDigests, evidence, pcrs, signal, unlock } = options
    const params = {
      ...(unlock === undefined ? {} : { unlock }),
      ...(evidence === undefined ? {} : { evidence }),
      ...(pcrs === undefined ? {} : { pcrs: pcrs.join(",") }),
      ...(acceptDigests === undefined ? {} : { acceptDigests: acceptDigests.join(",") }),
    }
    return decodePieces("pieces.join", await this.#call("pieces.join", params, signal === undefined ? {} : { signal }))
  }

  /** What this machine's TPM measured of its boot: the digest that evidence of now would show. */
  async measure(options: PiecesCallOptions & { readonly pcrs?: readonly number[] } = {}): Promise<PiecesMeasurement> {
    const { pcrs, ...call } = options
    return decodeMeasurement(await this.#call("pieces.measure", pcrs === undefined ? {} : { pcrs: pcrs.join(",") }, call))
  }

  /** Ends the membership. */
  async leave(options: PiecesCallOptions = {}): Promise<PiecesState> {
    return decodePieces("pieces.leave", await this.#call("pieces.leave", {}, options))
  }

  /** Who keeps whose pieces. With `ask: false` nobody is asked whether it answers now. */
  async status(options: PiecesCallOptions & { readonly ask?: boolean } = {}): Promise<PiecesState> {
    const { ask, ...call } = options
    return decodePieces("pieces.status", await this.#call("pieces.status", ask === undefined ? {} : { ask }, call))
  }

  /** Has every holder prove what it keeps. */
  async verify(options: PiecesCallOptions = {}): Promise<readonly PieceProof[]> {
    const answer = new AnswerFields("pieces.verify", await this.#call("pieces.verify", {}, options))
    return answer.objects("pieces").map((piece) => {
      const reason = piece.optionalText("reason")
      const [owner, holder, state] = [piece.text("owner"), piece.text("holder"), piece.text("state")]
      return { owner, holder, generation: piece.number("generation"), state, ...(reason === undefined ? {} : { reason }) }
    })
  }

  /** Begins a new key generation: every member gets a new storage key. */
  async renew(options: PiecesCallOptions = {}): Promise<PiecesState> {
    return decodePieces("pieces.renew", await this.#call("pieces.renew", {}, options))
  }

  /** Locked nodes that wait for a person's word, as this node was asked. */
  async requests(options: PiecesCallOptions = {}): Promise<readonly UnlockRequestInfo[]> {
    const answer = new AnswerFields("unlock.requests", await this.#call("unlock.requests", {}, options))
    return answer.objects("requests").map(decodeRequest)
  }

  /** Says that a person wants a locked node to be given its pieces: never without one. */
  async approve(node: string, options: PiecesCallOptions & { readonly request?: string } = {}): Promise<UnlockRequestInfo> {
    const { request, ...call } = options
    const params = request === undefined ? { node } : { node, request }
    return decodeRequest(new AnswerFields("unlock.approve", await this.#call("unlock.approve", params, call)))
  }
}

function decodeRequest(fields: AnswerFields): UnlockRequestInfo {
  return {
    node: fields.text("node"),
    request: fields.text("request"),
    askedAt: new Date(fields.number("askedAt")),
    approved: fields.boolean("approved"),
  }
}
