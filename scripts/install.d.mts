/** The root of this checkout. */
export declare const root: string
/** The Node 24 of this checkout. */
export declare const node24: string
/** Installs the npm packages of package-lock.json unless they are there. Returns whether they are afterwards. */
export declare function installPackages(): boolean
/** Makes sure that the named programs exist: with apt-get as root on Debian, otherwise by saying what to install. */
export declare function installPrograms(
  names: readonly (
    | "age"
    | "bash"
    | "etcd"
    | "fish"
    | "git"
    | "gpg"
    | "gpg-agent"
    | "openssl"
    | "pkcs11-tool"
    | "softhsm2-util"
    | "ssh-agent"
    | "ssh-keygen"
    | "sshd"
    | "zsh"
  )[],
): boolean
