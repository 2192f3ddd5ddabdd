import { writeFile } from "node:fs/promises"
import type { Browser } from "playwright-core"

/** What the camera's picture measures; even numbers, as 4:2:0 wants. */
const WIDTH = 640
const HEIGHT = 480
/** Of a desk in the evening, around what is held before the camera. */
const GREY = 96

/** What a browser is started with so that its camera sees the film in a file, without asking. */
export function cameraArguments(file: string): readonly string[] {
  return ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", `--use-file-for-fake-video-capture=${file}`]
}

/** Films a picture (PNG) that is held before a camera: one frame, which browsers show again and again (YUV4MPEG2, 4:2:0, as mjpegtools has it). */
export async function film(browser: Browser, png: Uint8Array, file: string): Promise<void> {
  const luma = await lumaOf(browser, png)
  const colourless = Buffer.alloc((WIDTH * HEIGHT) / 2, 128)
  const frame = Buffer.concat([Buffer.from("FRAME\n"), luma, colourless])
  await writeFile(file, Buffer.concat([Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420jpeg\n`), frame, frame]))
}

/** The brightness of each pixel of the picture, drawn into the middle of what the camera sees. The browser decodes it. */
async function lumaOf(browser: Browser, png: Uint8Array): Promise<Buffer> {
  const context = await browser.newContext()
  const page = await context.newPage()
  const facts = { source: `data:image/png;base64,${Buffer.from(png).toString("base64")}`, width: WIDTH, height: HEIGHT, grey: GREY }
  const luma = await page.evaluate(async ({ grey, height, source, width }) => {
    const picture = new Image()
    picture.src = source
    await picture.decode()
    const canvas = new OffscreenCanvas(width, height)
    const drawn = canvas.getContext("2d")
    if (drawn === null) throw new Error("the browser has no canvas")
    drawn.fillStyle = `rgb(${grey} ${grey} ${grey})`
    drawn.fillRect(0, 0, width, height)
    const side = Math.floor(height * 0.9)
    drawn.drawImage(picture, (width - side) / 2, (height - side) / 2, side, side)
    const { data } = drawn.getImageData(0, 0, width, height)
    return Array.from({ length: width * height }, (_, pixel) => data[4 * pixel] ?? 0)
  }, facts)
  await context.close()
  return Buffer.from(luma)
}
