import { expect, test } from "vitest"
import { loadNative } from "./native.ts"

test.runIf(process.platform === "linux")("the C library has what it has, and says so of the rest", async () => {
  const library = await loadNative()
  expect(library?.find("int getppid(void)")?.()).toBe(process.ppid)
  expect(library?.find("int keygrove_has_no_such_function(void)")).toBeUndefined()
  expect(() => library?.find("nonsense getppid(void)")).toThrow(/type/)
  expect(library?.find("int close(int fd)")?.(-1)).toBe(-1)
  expect(library?.errno()).toBe(9)
})
