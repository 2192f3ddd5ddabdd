export { createAtomicFile, type AtomicFile, type AtomicFileOptions } from "./atomic-file.ts"
export { systemErrors, type SystemErrorCode } from "./errors.ts"
export { openInputFile, type FileIdentity, type InputFile } from "./input-file.ts"
