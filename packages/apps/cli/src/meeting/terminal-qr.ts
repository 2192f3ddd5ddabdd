import encodeQr from "qr"

/** Black on white whatever the terminal's colours are, and back: a camera needs the light border. */
const [PAPER, RESET] = ["\u001B[30;107m", "\u001B[0m"]
/** Modules around the code (ISO/IEC 18004 asks for 4; cameras are content with 2, and a terminal is small). */
const BORDER = 2

/**
 * A QR code for a terminal, two rows of modules in a line of text; `undefined` when it is wider than that.
 * @param text in upper case, so that the code is a third smaller.
 */
export function terminalQr(text: string, columns: number): string | undefined {
  const rows = encodeQr(text, "raw", { ecc: "low", encoding: "alphanumeric", border: BORDER })
  if (rows.length > columns) return undefined
  const lines = rows.flatMap((row, index) => (index % 2 === 0 ? [lineOf(row, rows[index + 1] ?? [])] : []))
  return lines.map((line) => `${PAPER}${line}${RESET}`).join("\n")
}

function lineOf(upper: readonly boolean[], lower: readonly boolean[]): string {
  return upper.map((isUpper, index) => halves(isUpper, lower[index] === true)).join("")
}

function halves(isUpper: boolean, isLower: boolean): string {
  if (isUpper) return isLower ? "█" : "▀"
  return isLower ? "▄" : " "
}
