// The types of `msgpackr/pack`, which is msgpackr in JavaScript alone. Its own declarations import '.', which leads
// nowhere in an ES module.
declare module 'msgpackr/pack' {
  export { addExtension, Packr } from 'msgpackr'
}
