import { spawnSync } from "node:child_process"
import { clockObstacle } from "./world/clock.ts"

/** Programs of the operating system, and the Debian package of each. */
const PROGRAMS = {
  etcd: "etcd-server",
  ip: "iproute2",
  mount: "mount",
  nsenter: "util-linux",
  setpriv: "util-linux",
  strace: "strace",
  tc: "iproute2",
  unshare: "util-linux",
} as const

/** What this machine lacks for a world of faults, a line each; nothing when it can have one. */
export function findObstacles(): readonly string[] {
  if (process.platform !== "linux") return [`machines are Linux namespaces; this is ${process.platform}`]
  if (process.getuid?.() !== 0) return ["namespaces and disks are made by root; run it as root"]
  const missing = Object.entries(PROGRAMS)
    .filter(([program]) => spawnSync(program, ["--version"]).error !== undefined)
    .map(([program, owner]) => `the program ${program} is missing; install the package ${owner}`)
  const clock = clockObstacle()
  const found = clock === undefined ? missing : [...missing, clock]
  return found.length > 0 ? found : refusedByKernel()
}

/** A container may be root's and still may not do it. */
function refusedByKernel(): readonly string[] {
  const attempt = [
    "mount -t tmpfs tmpfs /run",
    "ip netns add one",
    "ip link add bridge type bridge",
    "ip link add to-one type veth peer name eth0 netns one",
    "tc qdisc add dev to-one root tbf rate 1mbit burst 4kb latency 1ms",
    "strace -o /dev/null true",
  ]
  const world = ["--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc", "sh", "-e", "-c", attempt.join("\n")]
  const { status, stderr } = spawnSync("unshare", world, { encoding: "utf8" })
  return status === 0 ? [] : [`this machine's kernel or container does not allow it: ${stderr.trim().split("\n").at(-1)}`]
}
