// The light build has the same interface as the whole.
declare module "hls.js/light" {
  export { default } from "hls.js";
}
