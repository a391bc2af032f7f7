// Numbers as people read them at a glance: three digits and a unit. Pure.

/** `950`, `1.25 k`, `12.5 M`. Below ten one digit after the point, where it is not whole. */
export function shortNumber(value: number): string {
  for (const [unit, size] of [
    [' G', 1e9],
    [' M', 1e6],
    [' k', 1e3],
  ] as const) {
    if (value >= size * 0.9995) return `${threeDigits(value / size)}${unit}`
  }
  return Number.isInteger(value) || value >= 9.95 ? String(Math.round(value)) : value.toFixed(1)
}

/** `512 B`, `1.5 KiB`. */
export function shortBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB']
  let value = bytes
  let unit = 0
  for (; value >= 1_000 && unit < units.length - 1; unit += 1) value /= 1_024
  return `${unit === 0 ? String(value) : threeDigits(value)} ${units[unit] as string}`
}

/** `35 µs`, `1.2 ms`, `2 s`; a dash for nothing. */
export function shortSeconds(seconds: number | undefined): string {
  if (seconds === undefined) return '-'
  if (seconds < 0.001) return `${threeDigits(seconds * 1e6)} µs`
  return seconds < 1 ? `${threeDigits(seconds * 1e3)} ms` : `${threeDigits(seconds)} s`
}

/** `45 s`, `12 min`, `3 h 20 min`, `5 d 2 h`. */
export function spanOf(seconds: number): string {
  const [minutes, hours, days] = [60, 3_600, 86_400].map((size) => Math.floor(seconds / size)) as [
    number,
    number,
    number,
  ]
  if (days > 0) return `${days} d ${hours % 24} h`
  if (hours > 0) return `${hours} h ${minutes % 60} min`
  return minutes > 0 ? `${minutes} min` : `${Math.floor(seconds)} s`
}

function threeDigits(value: number): string {
  const text = value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2)
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}
