export { openConsoleAssets, type ConsoleAsset } from "./assets.ts"
