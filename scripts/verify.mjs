// `npm run verify`: installs what is missing, then runs every check and every test on the Node 24 that the installation brought.
// Plain JavaScript for Node 20.
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { installPackages, installPrograms, node24, root } from "./install.mjs"

const ready =
  installPackages() &&
  installPrograms([
    "bash",
    "chromium",
    "etcd",
    "fish",
    "git",
    "ip",
    "openssl",
    "pdftoppm",
    "pkcs11-tool",
    "protoc",
    "rsvg-convert",
    "softhsm2-util",
    "ssh-keygen",
    "sshd",
    "strace",
    "swtpm",
    "tpm2_quote",
    "zbarimg",
    "zsh",
  ])
process.exitCode = ready
  ? (spawnSync(node24, [join(root, "scripts", "gate", "verify.ts")], { cwd: root, stdio: "inherit" }).status ?? 1)
  : 1
