// The generated files of grafana/ are what their sources say. `HOLDFAST_UPDATE_GRAFANA=1` writes them anew.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { generatedFiles } from '../../grafana/source/files.ts'

const files = generatedFiles()

if (process.env['HOLDFAST_UPDATE_GRAFANA'] === '1') {
  for (const [path, contents] of files) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, contents)
  }
}

describe('the generated files of grafana/', () => {
  it.each([...files.keys()])('%s is what its source says', (path) => {
    expect(readFileSync(path, 'utf8')).toBe(files.get(path))
  })

  it('are all there is where they stand', () => {
    for (const folder of ['grafana/dashboards', 'grafana/prometheus/rules', 'grafana/prometheus/tests']) {
      const found = readdirSync(folder).map((name) => `${folder}/${name}`)
      expect(found.filter((path) => !files.has(path))).toEqual([])
    }
  })

  it('come out the same a second time', () => {
    expect([...generatedFiles()]).toEqual([...files])
  })
})
