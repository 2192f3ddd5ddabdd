/** A page to print. Lengths are points (1/72 inch), from the top left; text is printable ASCII. */
export interface Drawing {
  readonly title: string
  readonly width: number
  readonly height: number
  readonly marks: readonly Mark[]
}

export interface Rectangle {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Fonts that every printer and viewer has, none of which is put in the file. */
export type Font = "plain" | "bold" | "mono"

export type Mark =
  | {
      readonly kind: "text"
      readonly x: number
      readonly baseline: number
      readonly size: number
      readonly font: Font
      readonly text: string
    }
  /** A hairline. */
  | { readonly kind: "line"; readonly from: readonly [number, number]; readonly to: readonly [number, number] }
  | { readonly kind: "frame"; readonly at: Rectangle }
  /** Black areas, which do not overlap. */
  | { readonly kind: "areas"; readonly areas: readonly Rectangle[] }

/** Width of frames and lines. */
export const STROKE_POINTS = 0.6

/** At most two digits after the point, for files. */
export function points(length: number): string {
  return String(Math.round(length * 100) / 100)
}
