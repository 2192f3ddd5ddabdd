// Plain JavaScript for Node 20, because it runs before the installation has brought Node 24.
import { spawnSync } from "node:child_process"
import { accessSync, constants, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
/** The Node 24 of this checkout. */
export const node24 = join(root, "node_modules", "node", "bin", "node")

/** What this repository uses of the operating system. `of` is the Debian package. */
const PROGRAMS = {
  age: { of: "age", why: "npm run bench compares file encryption with it" },
  bash: { of: "bash", why: "npm run verify completes command lines in it" },
  chromium: { of: "chromium", why: "npm run verify uses the console in it" },
  etcd: { of: "etcd-server", why: "npm run verify keeps ledgers in a cluster of three, and npm run bench compares appends with its puts" },
  fish: { of: "fish", why: "npm run verify completes command lines in it" },
  git: { of: "git", why: "npm run verify asks it which files belong to the repository" },
  gpg: { of: "gpg", why: "npm run bench makes a key for gpg-agent with it" },
  "gpg-agent": { of: "gpg-agent", why: "npm run bench compares signatures with it" },
  ip: { of: "iproute2", why: "npm run verify and npm run test:faults give nodes a network of their own with it, and break that" },
  openssl: {
    of: "openssl",
    why: "npm run bench takes the speed limit of AES-256-GCM from it, and npm run verify the key files that other programs write",
  },
  pdftoppm: { of: "poppler-utils", why: "npm run verify prints the recovery sheet with it, to a picture" },
  "pkcs11-tool": { of: "opensc", why: "npm run verify looks at keys in a token with it, as others see them" },
  protoc: {
    of: "protobuf-compiler",
    why: "npm run verify compares with it what is made from .proto files, and npm run protocols makes it",
  },
  "rsvg-convert": { of: "librsvg2-bin", why: "npm run verify prints the recovery sheet with it, to a picture" },
  "softhsm2-util": {
    of: "softhsm2",
    why: "npm run verify keeps keys in a token of SoftHSM, and npm run bench compares signatures with it",
  },
  "ssh-agent": { of: "openssh-client", why: "npm run bench compares signatures with it" },
  "ssh-keygen": { of: "openssh-client", why: "npm run verify holds the agent and the reader of key files to what OpenSSH does" },
  sshd: { of: "openssh-server", why: "npm run verify logs in to one of its own through the agent" },
  strace: { of: "strace", why: "npm run verify and npm run test:faults make a disk slow with it" },
  swtpm: { of: "swtpm", why: "npm run verify has a TPM of its own from it" },
  tpm2_quote: { of: "tpm2-tools", why: "npm run verify talks to a TPM with it, as nodes do" },
  zbarimg: { of: "zbar-tools", why: "npm run verify reads the QR code of the printed recovery sheet with it" },
  zsh: { of: "zsh", why: "npm run verify completes command lines in it" },
}

/** Installs the npm packages of package-lock.json unless they are there. Returns whether they are afterwards. */
export function installPackages() {
  if (isInstalled()) return true
  console.error("installing packages (npm ci) …")
  const { status } = spawnSync("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error"], { cwd: root, stdio: ["ignore", 2, 2] })
  if (status === 0 && isInstalled()) return true
  console.error("INSTALL_FAILED: npm ci did not bring what package-lock.json names; see its messages above and try again")
  return false
}

/** Makes sure that the named programs exist: with apt-get as root on Debian, otherwise by saying what to install. */
export function installPrograms(names) {
  const missing = names.filter((name) => !isOnPath(name))
  if (missing.length === 0) return true
  const packages = missing.map((name) => PROGRAMS[name].of)
  if (process.getuid?.() === 0 && isOnPath("apt-get")) {
    console.error(`installing ${packages.join(", ")} (apt-get) …`)
    const apt = (...args) =>
      spawnSync("apt-get", args, { stdio: ["ignore", 2, 2], env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } })
    const install = () => apt("install", "-y", "-qq", "--no-install-recommends", ...packages).status === 0
    if (install() || (apt("update", "-qq").status === 0 && install())) return true
  }
  for (const name of missing)
    console.error(`PROGRAM_MISSING: ${name}: ${PROGRAMS[name].why}; install the package ${PROGRAMS[name].of} and try again`)
  return false
}

/** Versions by path, from a lockfile; `undefined` when it is missing or broken. */
function lockedVersions(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages
  } catch {
    return undefined
  }
}

/** Whether node_modules holds what package-lock.json asks for; optional packages of other platforms may be absent. */
function isInstalled() {
  const wanted = lockedVersions(join(root, "package-lock.json"))
  const present = lockedVersions(join(root, "node_modules", ".package-lock.json"))
  if (wanted === undefined || present === undefined) return false
  const isMissing = ([path, entry]) =>
    path.startsWith("node_modules/") && !entry.optional && !entry.peer && !entry.link && present[path]?.version !== entry.version
  return !Object.entries(wanted).some(isMissing) && isExecutable(node24)
}

/** Servers are in the second half of the list, which is not on everybody's path. */
function isOnPath(name) {
  return [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"].some(
    (folder) => folder !== "" && isExecutable(join(folder, name)),
  )
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
