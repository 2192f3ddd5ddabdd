/** A function of the system's C library, called with what its declaration says. */
export type NativeFunction = (...values: readonly unknown[]) => unknown

/** The C library that this process runs on. */
export interface NativeLibrary {
  /** The function of a C declaration, e.g. `int close(int fd)`; `undefined` where the system has none of that name. */
  find(declaration: string): NativeFunction | undefined
  /** The `errno` of the last call. */
  errno(): number
}

/** Only Unix is known here: elsewhere the same names mean something else, or nothing. */
const SYSTEMS: ReadonlySet<NodeJS.Platform> = new Set(["linux", "darwin", "freebsd", "openbsd"])
const state: { library?: Promise<NativeLibrary | undefined> } = {}

/** The C library through koffi, loaded at the first call; `undefined` where koffi is not installed or does not know the platform. */
export async function loadNative(): Promise<NativeLibrary | undefined> {
  state.library ??= load()
  return await state.library
}

async function load(): Promise<NativeLibrary | undefined> {
  if (!SYSTEMS.has(process.platform)) return undefined
  try {
    const { default: koffi } = await import("koffi")
    // What the program itself is linked with, so that no name of a library file is guessed: glibc, musl and macOS differ in them.
    const library = koffi.load(null)
    return {
      find: (declaration) => {
        try {
          return library.func(declaration)
        } catch (error) {
          // A declaration that cannot be parsed is a fault of ours.
          if (error instanceof Error && error.message.startsWith("Cannot find function")) return undefined
          throw error
        }
      },
      errno: () => koffi.errno(),
    }
  } catch {
    // An optional package: without it everything works but what needs it.
    return undefined
  }
}
