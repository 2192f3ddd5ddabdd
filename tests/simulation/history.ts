import { equalBytes, toHex, unwrap, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import type { PolicyState } from "@keygrove/ledger"
import { decodeProxyAnswer, encodeProxyRequest, requestSignBytes } from "@keygrove/peering"
import { revokePolicy } from "@keygrove/service"
import { Dice } from "./dice.ts"
import { Grove, type GrantWish, type SealedFile } from "./grove.ts"
import { Invariants } from "./invariants.ts"
import { lieOf, type LieKind } from "./liars.ts"
import { call, type Member } from "./member.ts"
import { grantOf, Model } from "./model.ts"

const LABELS = ["photos", "letters/2026"]
const LIES: readonly LieKind[] = ["changed", "foreign", "garbage", "empty", "failing", "forgetful", "hoarding"]
const MAX_FILES = 8

/** One random history of a small world: people who share with each other through proxies, while everything fails that may. */
export class History implements AsyncDisposable {
  /** What happened, one line a step. */
  readonly transcript: string[] = []
  readonly #dice: Dice
  readonly #grove: Grove
  readonly #model: Model
  readonly #invariants: Invariants
  readonly #people: Member[] = []
  readonly #proxies: Member[] = []

  private constructor(seed: number, grove: Grove) {
    this.#dice = new Dice(seed)
    this.#grove = grove
    this.#model = new Model(grove)
    this.#invariants = new Invariants(grove, this.#model)
  }

  /** Two or three people and five to seven proxies, all known to each other. */
  static async begin(seed: number): Promise<History> {
    await using owned = new AsyncDisposableStack()
    const grove = owned.use(await Grove.plant(String(seed)))
    const history = new History(seed, grove)
    for (const name of ["ada", "bob", "cyd"].slice(0, history.#dice.between(2, 3))) history.#people.push(await grove.join(name))
    for (let count = history.#dice.between(5, 7); count > 0; count--) history.#proxies.push(await grove.joinProxy(`p${count}`))
    for (const owner of history.#people) await history.#encryptAs(owner, "photos")
    await grove.settle()
    owned.move()
    return history
  }

  /** One step, after which everything must hold. */
  async step(): Promise<void> {
    const everyone = this.#grove.members
    const hasPolicies = this.#model.policies().length > 0
    const stopped = everyone.filter(({ isRunning }) => !isRunning).length
    const act = this.#dice.weighted<() => Promise<string>>([
      [2, () => this.#encrypt()],
      [5, () => this.#grant()],
      [hasPolicies ? 3 : 0, () => this.#revoke()],
      [hasPolicies ? 8 : 1, () => this.#read()],
      [hasPolicies ? 3 : 0, () => this.#attack()],
      [4, () => this.#pass()],
      [stopped < 4 ? 2 : 0, () => this.#stop()],
      [2 * stopped, () => this.#start()],
      [2, () => this.#split()],
      [2, () => this.#heal()],
      [2, () => this.#lie()],
      [1, () => this.#fill()],
      [4, () => this.#rekey()],
    ])
    this.transcript.push(await act())
    await this.#grove.settle()
    this.#require(await this.#invariants.broken())
    // Two steps never happen at once: nonces of requests and limits of rates depend on the time.
    await this.#grove.pass(1_000)
  }

  /** Heals everything, lets the time pass that retries and sweeps need, and asks for what must be true in the end. */
  async end(): Promise<void> {
    await this.#heal()
    for (const proxy of this.#proxies) this.#tellTruth(proxy)
    for (const member of this.#model.full) member.storage.setFull(false)
    this.#model.full.clear()
    for (const member of this.#grove.members) if (!member.isRunning) await member.start()
    await this.#grove.pass(90_000)
    this.transcript.push("all healed")
    for (let readings = 0; readings < 3; readings++) this.transcript.push(await this.#read())
    await this.#grove.pass(700_000)
    this.#require([...(await this.#invariants.broken()), ...(await this.#invariants.brokenAtTheEnd())])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#grove[Symbol.asyncDispose]()
  }

  async #encrypt(): Promise<string> {
    const owner = this.#dice.pickAny(this.#people.filter((each) => each.isRunning && !this.#model.full.has(each)))
    if (owner === undefined) return "nobody can encrypt"
    const label = this.#dice.pick(LABELS)
    const file = await this.#encryptAs(owner, label)
    this.#require(this.#model.unreadable(file))
    return `${owner.name} encrypts ${label} in epoch ${file.header.epoch}`
  }

  async #encryptAs(owner: Member, label: string): Promise<SealedFile> {
    const file = await this.#grove.encrypt(owner, label)
    this.#model.labels.set(toHex(file.header.labelKey), label)
    this.#model.files.push(file)
    if (this.#model.files.length > MAX_FILES) this.#model.files.shift()
    return file
  }

  async #grant(): Promise<string> {
    const file = this.#dice.pickAny(this.#model.files.filter(({ owner }) => owner.isRunning))
    if (file === undefined) return "nothing to grant"
    const shares = this.#dice.between(1, 4)
    const wish: GrantWish = {
      owner: file.owner,
      reader: this.#dice.pick(this.#people.filter((each) => each !== file.owner)),
      label: file.header.label,
      shares,
      threshold: this.#dice.between(1, shares),
      expiresAt: this.#grove.at(this.#dice.between(30, 1_500) * 1_000),
    }
    const mustWork =
      !this.#model.full.has(wish.owner) &&
      this.#model.goodProxiesFor(wish.owner, this.#proxies) > shares &&
      this.#grove.lines.reaches(wish.owner.key, this.#grove.host.signingKey)
    this.#model.ordered.push(wish)
    const line = `${wish.owner.name} grants ${wish.label} to ${wish.reader.name}, ${wish.threshold} of ${shares}`
    const { disturbed, outcome } = await this.#disturbing(wish.owner, async () => await this.#grove.grant(wish))
    if (outcome?.ok === true) this.#model.granted.add(toHex(outcome.value.grant.policyId))
    if (outcome?.ok === false && mustWork && disturbed === "") this.#require([`${line}: refused with ${outcome.code}`])
    return `${line}${disturbed}: ${shown(outcome)}`
  }

  async #revoke(): Promise<string> {
    const mine = this.#model.policies().flatMap((policy) => {
      const owner = this.#people.find(({ identity, isRunning }) => isRunning && identity.cluster === policy.owner.cluster)
      return owner !== undefined && this.#model.knows(owner, policy.grantedAt) ? [{ owner, policy }] : []
    })
    const standing = mine.filter(({ policy }) => policy.revokedAt === undefined)
    const choice = this.#dice.pickAny(standing.length > 0 && this.#dice.chance(0.8) ? standing : mine)
    if (choice === undefined) return "nothing to revoke"
    const { owner, policy } = choice
    const id = toHex(policy.grant.policyId)
    const grant = grantOf(policy)
    this.#model.revoking.add(grant)
    const mustWork = this.#grove.lines.reaches(owner.key, this.#grove.host.signingKey)
    const line = `${owner.name} revokes ${id.slice(0, 8)}`
    const { disturbed, outcome } = await this.#disturbing(owner, async () => await revokePolicy(owner.context, policy.grant.policyId, call))
    if (outcome?.ok === true) this.#model.revoked.add(grant)
    if (outcome?.ok === false && mustWork) this.#require([`${line}: refused with ${outcome.code}`])
    return `${line}${disturbed}: ${shown(outcome)}`
  }

  /** Anybody takes the next epoch, mostly those who have granted something; also in the middle of one that the ledger could not be told yet. */
  async #rekey(): Promise<string> {
    if (this.#dice.chance(0.15)) {
      await this.#grove.ledgerHost.rekey()
      return `the host rekeys, is in epoch ${this.#grove.ledgerHost.epoch}`
    }
    const owners = this.#model.standingGrants().map(([first]) => first?.owner.cluster)
    const running = this.#grove.members.filter(({ isRunning }) => isRunning)
    const granting = running.filter(({ identity }) => owners.includes(identity.cluster))
    const member = this.#dice.pickAny(granting.length > 0 && this.#dice.chance(0.6) ? granting : running)
    if (member === undefined) return "nobody can rekey"
    const { disturbed } = await this.#disturbing(member, async () => await member.rekey())
    return `${member.name} rekeys${disturbed}, is in epoch ${member.identity.keys.epoch}`
  }

  async #read(): Promise<string> {
    const { file, reader } = this.#chooseReading()
    if (file === undefined || reader?.isRunning !== true) return "nothing to read"
    const expected = await this.#model.expectRead(reader, file)
    const outcome = await this.#grove.read(reader, file)
    const line = `${reader.name} reads ${file.header.label} of ${file.owner.name}: ${outcome}`
    if (outcome === "WRONG KEY" || (outcome === "opened" && !expected.may)) this.#require([`${line}, but may not`])
    if (outcome !== "opened" && expected.must) this.#require([`${line}, but must open`])
    return line
  }

  /** Mostly somebody to whom the file was granted once, sometimes anybody. */
  #chooseReading(): { readonly file: SealedFile | undefined; readonly reader: Member | undefined } {
    const granted = this.#model.policies().flatMap((policy) => {
      const reader = this.#people.find((each) => each.isRunning && this.#model.isReader(each, policy))
      return this.#model.files.filter(({ header }) => equalBytes(header.labelKey, policy.grant.labelKey)).map((file) => ({ file, reader }))
    })
    const choice = this.#dice.chance(0.8) ? this.#dice.pickAny(granted) : undefined
    return choice ?? { file: this.#dice.pickAny(this.#model.files), reader: this.#dice.pick(this.#grove.members) }
  }

  /** Somebody asks the proxies without asking the ledger, for a policy of any reader, in their own name. */
  async #attack(): Promise<string> {
    const policy = this.#dice.pickAny(this.#model.policies())
    const attacker = this.#dice.pickAny(this.#people.filter(({ isRunning }) => isRunning))
    const file = this.#dice.pickAny(this.#model.files)
    if (policy === undefined || attacker === undefined || file === undefined) return "nothing to attack"
    const { policyId } = policy.grant
    const given: string[] = []
    for (const proxy of this.#proxies) {
      const isHonest = proxy.isRunning && !this.#model.lies.has(proxy)
      const allowed =
        isHonest && this.#model.isReader(attacker, policy) && !this.#model.isExpired(policy) && !this.#model.knows(proxy, policy.revokedAt)
      const answered = await this.#askFor(policy, attacker, proxy, file.header.capsule)
      if (answered) given.push(proxy.name)
      if (answered && isHonest && !allowed) this.#require([`${proxy.name} re-encrypts ${toHex(policyId).slice(0, 8)} for ${attacker.name}`])
    }
    return `${attacker.name} attacks ${toHex(policyId).slice(0, 8)}: ${given.join(", ") || "nobody answers"}`
  }

  async #askFor({ grant }: PolicyState, attacker: Member, proxy: Member, capsule: Uint8Array): Promise<boolean> {
    const { clock, keystore, random, transport } = attacker.context
    const unsigned = { policyId: grant.policyId, capsules: [capsule], issuedAt: clock.now(), nonce: random(16) }
    const signature = unwrap(await keystore.sign("message", requestSignBytes(nativePrimitives, unsigned, proxy.key), call))
    const body = encodeProxyRequest({ op: "reencrypt", ...unsigned, signature })
    const answer = await transport.request({ signingKey: proxy.key, addresses: [] }, "proxy", body, call)
    const decoded = answer.ok ? decodeProxyAnswer(answer.value) : answer
    return decoded.ok && decoded.value.kind === "fragments"
  }

  async #pass(): Promise<string> {
    const seconds = this.#dice.pick([5, 30, 120, 300])
    await this.#grove.pass(seconds * 1_000)
    return `${seconds} s pass`
  }

  async #stop(): Promise<string> {
    const member = this.#dice.pickAny([...this.#people, ...this.#proxies].filter(({ isRunning }) => isRunning))
    await member?.stop()
    return `${member?.name ?? "nobody"} stops`
  }

  async #start(): Promise<string> {
    const member = this.#dice.pickAny(this.#grove.members.filter(({ isRunning }) => !isRunning))
    await member?.start()
    return `${member?.name ?? "nobody"} starts`
  }

  /** Two sides that do not reach each other; the ledger's host is on one of them. */
  async #split(): Promise<string> {
    const [here, there]: [Uint8Array[], Uint8Array[]] = [[this.#grove.host.signingKey], []]
    for (const { key } of this.#grove.members) (this.#dice.chance(0.3) ? there : here).push(key)
    for (const a of here) for (const b of there) this.#grove.lines.cut(a, b)
    const names = this.#grove.members.filter(({ key }) => there.includes(key)).map(({ name }) => name)
    return await Promise.resolve(`cut off: ${names.join(", ")}`)
  }

  async #heal(): Promise<string> {
    this.#grove.lines.mendAll()
    return await Promise.resolve("all lines are mended")
  }

  async #lie(): Promise<string> {
    const proxy = this.#dice.pick(this.#proxies)
    if (this.#model.lies.has(proxy) || !proxy.isRunning) {
      this.#tellTruth(proxy)
      return `${proxy.name} is honest again`
    }
    const kind = this.#dice.pick(LIES)
    this.#model.lies.set(proxy, kind)
    proxy.lie = lieOf(kind, proxy)
    if (kind === "forgetful") this.#invariants.unfaithful.add(proxy)
    return await Promise.resolve(`${proxy.name} lies: ${kind}`)
  }

  async #fill(): Promise<string> {
    const member = this.#dice.pick(this.#grove.members)
    const isFull = !this.#model.full.delete(member)
    if (isFull) this.#model.full.add(member)
    member.storage.setFull(isFull)
    return await Promise.resolve(`the disk of ${member.name} is ${isFull ? "full" : "free again"}`)
  }

  #tellTruth(proxy: Member): void {
    this.#model.lies.delete(proxy)
    proxy.lie = undefined
  }

  /** Runs an operation, sometimes while messages are lost, or its actor or a proxy is killed at one of its effects. A killed one stays down until it is started. */
  async #disturbing<T>(actor: Member, operate: () => Promise<T>): Promise<{ readonly disturbed: string; readonly outcome: T | undefined }> {
    const kind = this.#dice.weighted([
      [5, "nothing"],
      [2, "loss"],
      [2, "actor"],
      [2, "proxy"],
      [2, "rekey"],
    ] as const)
    const proxy = this.#dice.pickAny(this.#proxies.filter(({ isRunning }) => isRunning))
    const victim = kind === "actor" ? actor : kind === "proxy" ? proxy : undefined
    const death = { atEffect: this.#dice.between(1, 10), when: this.#dice.pick(["before", "after"] as const) }
    victim?.life.arm(death)
    if (kind === "loss") this.#loseSome()
    const reader = this.#dice.pickAny(this.#people.filter(({ isRunning }) => isRunning))
    const hasty = kind === "rekey" ? this.#dice.pick([actor, reader, proxy].filter((each) => each !== undefined)) : undefined
    const [answer] = await Promise.all([operate(), hasty?.rekey()])
    // Nobody saw the answer of the dead.
    const outcome = actor.life.isDead ? undefined : answer
    this.#grove.lines.fate = () => "delivered"
    await this.#grove.settle()
    const isDead = victim?.life.isDead === true
    if (isDead) await victim.stop()
    else victim?.life.arm(undefined)
    const disturbed = isDead
      ? `, ${victim.name} killed ${death.when} effect ${death.atEffect}`
      : kind === "loss"
        ? ", messages are lost"
        : hasty === undefined
          ? ""
          : `, while ${hasty.name} rekeys`
    return { disturbed, outcome }
  }

  /** A third of the messages, chosen by who sends to whom and when, not by the order in which they happen to be sent. */
  #loseSome(): void {
    const fates = new Dice(this.#dice.below(4_294_967_296))
    this.#grove.lines.fate = (from, to, count) => {
      const fate = fates.of(`${from}>${to}#${count}`)
      return fate < 0.15 ? "request lost" : fate < 0.3 ? "answer lost" : "delivered"
    }
  }

  #require(faults: readonly string[]): void {
    if (faults.length > 0) throw new Error(faults.join("; "))
  }
}

function shown(outcome: Result<unknown> | undefined): string {
  if (outcome === undefined) return "killed"
  return outcome.ok ? "done" : outcome.code
}
