import { run } from "./run.ts"

/** All machines of this world are in 10.77.0.0/24; the one that runs the test is the last. */
const PREFIX = "10.77.0"
const OWN_ADDRESS = `${PREFIX}.254`
/** No machine has it: what is sent there goes nowhere, as behind a cable that was pulled. */
const NOBODY = "02:00:00:00:00:00"
/**
 * A poor line: 250 kbit/s, of which a queue of half a second is kept and the rest dropped. The kernel's `netem` would delay and lose at random, but is not
 * compiled into every kernel; a token bucket is.
 */
const POOR_LINE = ["tbf", "rate", "250kbit", "burst", "4kb", "latency", "500ms"]

/** A machine's place in the network: a namespace with one interface, plugged into the bridge. */
export interface NetworkHost {
  readonly name: string
  readonly address: string
}

/** A bridge in the network namespace of this process, and machines in namespaces of their own. They are gone with the process's namespaces. */
export class Network {
  readonly #hosts: NetworkHost[] = []
  /** How many want each thing to be broken. */
  readonly #broken: Map<string, number> = new Map()

  constructor() {
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "bridge", "type", "bridge")
    run("ip", "address", "add", `${OWN_ADDRESS}/24`, "dev", "bridge")
    run("ip", "link", "set", "bridge", "up")
  }

  /** Plugs in another machine. */
  add(name: string): NetworkHost {
    const host = { name, address: `${PREFIX}.${this.#hosts.length + 1}` }
    run("ip", "netns", "add", name)
    run("ip", "link", "add", `to-${name}`, "type", "veth", "peer", "name", "eth0", "netns", name)
    run("ip", "link", "set", `to-${name}`, "master", "bridge", "up")
    run("ip", "-n", name, "address", "add", `${host.address}/24`, "dev", "eth0")
    for (const device of ["lo", "eth0"]) run("ip", "-n", name, "link", "set", device, "up")
    this.#hosts.push(host)
    return host
  }

  /** From now on nothing that `from` sends arrives at `to`, and nobody is told. */
  cut(from: NetworkHost, to: NetworkHost): Disposable {
    const neighbour = [to.address, "dev", "eth0"]
    return this.#counted(
      `${from.name}>${to.name}`,
      () => run("ip", "-n", from.name, "neighbour", "replace", ...neighbour, "lladdr", NOBODY, "nud", "permanent"),
      () => run("ip", "-n", from.name, "neighbour", "delete", ...neighbour),
    )
  }

  /** Makes the machine's line a poor one in both directions. */
  slow({ name }: NetworkHost): Disposable {
    const both = (act: string, ...more: readonly string[]): void => {
      run("tc", "-n", name, "qdisc", act, "dev", "eth0", "root", ...more)
      run("tc", "qdisc", act, "dev", `to-${name}`, "root", ...more)
    }
    return this.#counted(
      name,
      () => both("add", ...POOR_LINE),
      () => both("delete"),
    )
  }

  /** Ids of everything that runs on the machine. */
  processes({ name }: NetworkHost): readonly number[] {
    return run("ip", "netns", "pids", name).split("\n").filter(Boolean).map(Number)
  }

  /** Breaks a thing with the first that wants it, and mends it with the last that is disposed of. */
  #counted(thing: string, breakIt: () => void, mend: () => void): Disposable {
    const count = this.#broken.get(thing) ?? 0
    this.#broken.set(thing, count + 1)
    if (count === 0) breakIt()
    return {
      [Symbol.dispose]: () => {
        const left = (this.#broken.get(thing) ?? 1) - 1
        this.#broken.set(thing, left)
        if (left === 0) mend()
      },
    }
  }
}

/** What runs a command on a machine, with the same process id. */
export function onHost({ name }: NetworkHost): readonly [string, ...string[]] {
  return ["nsenter", `--net=/run/netns/${name}`]
}
