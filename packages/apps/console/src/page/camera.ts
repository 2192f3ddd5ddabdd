import { decodeQR } from "qr/decode.js"

/** Longest side of the picture that is searched, in pixels; more finds nothing more and takes longer. */
const MAX_SIDE = 960
/** Between two pictures that are searched. */
const INTERVAL_MS = 120

/** A camera that looks for QR codes until disposal. */
export interface CodeCamera extends Disposable {
  /** What it sees, to be shown. */
  readonly picture: HTMLVideoElement
}

/**
 * Opens the camera and tells every text that it sees in a QR code. Pictures are looked at in the page and go nowhere.
 * @throws DOMException as `getUserMedia` does
 */
export async function openCamera(onText: (text: string) => void): Promise<CodeCamera> {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } },
  })
  const picture = document.createElement("video")
  picture.muted = true
  picture.playsInline = true
  picture.setAttribute("aria-label", "What the camera sees")
  picture.srcObject = stream
  const canvas = document.createElement("canvas")
  const timer = setInterval(() => {
    const text = readCode(picture, canvas)
    if (text !== undefined) onText(text)
  }, INTERVAL_MS)
  const close = (): void => {
    clearInterval(timer)
    for (const track of stream.getTracks()) track.stop()
    picture.srcObject = null
  }
  await picture.play().catch((error: unknown) => {
    close()
    throw error
  })
  return { picture, [Symbol.dispose]: close }
}

function readCode(picture: HTMLVideoElement, canvas: HTMLCanvasElement): string | undefined {
  const { videoHeight, videoWidth } = picture
  const scale = Math.min(1, MAX_SIDE / Math.max(videoWidth, videoHeight, 1))
  const [width, height] = [Math.floor(videoWidth * scale), Math.floor(videoHeight * scale)]
  const context = canvas.getContext("2d", { willReadFrequently: true })
  if (context === null || width === 0 || height === 0) return undefined
  canvas.width = width
  canvas.height = height
  context.drawImage(picture, 0, 0, width, height)
  try {
    return decodeQR(context.getImageData(0, 0, width, height))
  } catch {
    // No code in this picture, which is the usual case; the next one comes.
    return undefined
  }
}

/** Why the camera cannot be used, in plain words. */
export function cameraProblem(error: unknown): string {
  const name = error instanceof DOMException ? error.name : ""
  switch (name) {
    case "NotAllowedError":
      return "The browser may not use the camera. Allow it for this page, or paste the code below."
    case "NotFoundError":
    case "OverconstrainedError":
      return "No camera was found. Paste the code below instead."
    case "NotReadableError":
      return "Another program uses the camera. Close it and try again, or paste the code below."
    default:
      return "The camera cannot be used here. Paste the code below instead."
  }
}
