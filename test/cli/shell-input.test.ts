// What the shell makes of a line: the message that goes to the daemon, or the complaint; and what Tab offers.
import { describe, expect, it } from 'vitest'
import { complete } from '../../src/cli/shell/completion.ts'
import { helpFor } from '../../src/cli/shell/help.ts'
import { type Input, InputReader } from '../../src/cli/shell/input.ts'
import { plainLook } from '../../src/cli/shell/look.ts'
import { quoted, WordReader } from '../../src/cli/shell/words.ts'
import { commandNames, declarationOf } from '../../src/protocol/commands.ts'

/** What the lines mean, the last of them completing the input. */
function read(...lines: readonly string[]): Input {
  const reader = new InputReader()
  for (const line of lines.slice(0, -1)) expect(reader.read(line)).toEqual({ kind: 'open' })
  return reader.read(lines.at(-1) ?? '')
}

function messageOf(...lines: readonly string[]): unknown {
  const input = read(...lines)
  return input.kind === 'message' ? JSON.parse(input.text) : input
}

describe('a line is a command:', () => {
  it.each([
    ['PING', { cmd: 'PING' }],
    ['  ping  ', { cmd: 'PING' }],
    ['CREATE_STATE leads', { cmd: 'CREATE_STATE', state: 'leads' }],
    ['create_state leads max_length=1000', { cmd: 'CREATE_STATE', state: 'leads', max_length: 1000 }],
    ['CREATE_STATE max_length=5 leads', { cmd: 'CREATE_STATE', state: 'leads', max_length: 5 }],
    ['CREATE_STATE state=leads', { cmd: 'CREATE_STATE', state: 'leads' }],
    [
      'CREATE_STATE a kind=table schema={"type": "object"}',
      { cmd: 'CREATE_STATE', state: 'a', kind: 'table', schema: { type: 'object' } },
    ],
    ['ALTER_STATE a max_length=null', { cmd: 'ALTER_STATE', state: 'a', max_length: null }],
    ['LIST_RECORDS leads limit=5', { cmd: 'LIST_RECORDS', state: 'leads', limit: 5 }],
    ['LIST_RECORDS leads after=r12==', { cmd: 'LIST_RECORDS', state: 'leads', after: 'r12==' }],
    ['PATCH_RECORD leads 1 {"status":"won"}', { cmd: 'PATCH_RECORD', state: 'leads', id: 1, data: { status: 'won' } }],
    [
      'patch_record leads 1 { "a b": [1, {"}": "]"}], "c": "\\"" }',
      { cmd: 'PATCH_RECORD', state: 'leads', id: 1, data: { 'a b': [1, { '}': ']' }], c: '"' } },
    ],
    ['SET_RECORD data={"a":1} leads 7', { cmd: 'SET_RECORD', state: 'leads', id: 7, data: { a: 1 } }],
    ['SET_STATE leads [{"a": 1}, {"a": 2}]', { cmd: 'SET_STATE', state: 'leads', data: [{ a: 1 }, { a: 2 }] }],
  ])('%s', (line, message) => {
    expect(messageOf(line)).toEqual(message)
  })
})

describe('a word means what fits the argument:', () => {
  it.each([
    ['a number is an id', 'GET_RECORD a 12', { state: 'a', id: 12 }],
    ['another word is one, too', 'GET_RECORD a x-12', { state: 'a', id: 'x-12' }],
    ['a number in quotes is a text', 'GET_RECORD a "12"', { state: 'a', id: '12' }],
    ['a number that is none to JSON stays a text', 'GET_RECORD a 007', { state: 'a', id: '007' }],
    ['an integer too big to be exact stays a text', 'GET_RECORD a 12345678901234567', { id: '12345678901234567' }],
    ['null is no id, and so a text', 'GET_RECORD a null', { id: 'null' }],
    ['a name may be a number', 'DELETE_STATE 2024', { state: '2024' }],
    ['a name may be a word of JSON', 'DELETE_STATE true', { state: 'true' }],
    ['a prefix may be a number', 'LIST_STATES prefix=5', { prefix: '5' }],
    ['single quotes take everything', `DELETE_STATE 'a "b" \\ c'`, { state: 'a "b" \\ c' }],
    ['double quotes escape as JSON', 'DELETE_STATE "a\\u0020\\"b\\""', { state: 'a "b"' }],
    ['quotes work with a name before them', `LIST_STATES prefix='a b'`, { prefix: 'a b' }],
    ['quotes keep a = from naming anything', `DELETE_STATE 'a=b'`, { state: 'a=b' }],
    ['an apostrophe within a word is none', "DELETE_STATE O'Brien's", { state: "O'Brien's" }],
    ['a text may be empty', `LIST_STATES prefix=''`, { prefix: '' }],
    ['JSON may stand in quotes, as for another shell', `SET_RECORD a 1 '{"b": 2}'`, { data: { b: 2 } }],
    ['brackets within a word are of no account', 'DELETE_STATE a{b[c', { state: 'a{b[c' }],
    ['what fits in no way goes to the daemon as it is', 'LIST_RECORDS a limit=many', { limit: 'many' }],
  ])('%s', (_what, line, fields) => {
    expect(messageOf(line)).toMatchObject(fields)
  })
})

it('JSON in a command reaches the daemon as it was typed', () => {
  // A double cannot hold the number: the daemon refuses it, where JSON.stringify would say null.
  expect(read('patch_record a 1 { "b": 1e999,', '"c": 1.0, "c": "\\u0041" }')).toEqual({
    kind: 'message',
    text: '{"cmd":"PATCH_RECORD","state":"a","id":1,"data":{ "b": 1e999,\n"c": 1.0, "c": "\\u0041" }}',
  })
})

describe('a line is a message as it is on the wire:', () => {
  it.each(['{"cmd":"PING"}', ' [ {"cmd":"PING"} ,\t{"cmd":"nope"} ]', '{"anything": [1, "}"]}'])('%s', (line) => {
    expect(read(line)).toEqual({ kind: 'message', text: line.trim() })
  })
})

describe('a state is drawn:', () => {
  it.each([
    ['machine sources', 'machine', 'sources'],
    ["Mermaid 'my sources'", 'mermaid', 'my sources'],
    ['mermaid state=5', 'mermaid', '5'],
  ])('%s', (line, drawing, state) => {
    const text = JSON.stringify({ cmd: 'GET_STATE_INFO', state })
    expect(read(line)).toEqual({ kind: 'message', text, drawing })
  })
})

describe('an input goes on while brackets are open:', () => {
  it('a command', () => {
    expect(messageOf('SET_STATE a [', '  {"b": "[{"},', '', '# not yet', '  {"b": 2}', ']')).toEqual({
      cmd: 'SET_STATE',
      state: 'a',
      data: [{ b: '[{' }, { b: 2 }],
    })
  })

  it('arguments after the brackets', () => {
    expect(messageOf('CREATE_STATE a schema={', '} max_length=5')).toMatchObject({ schema: {}, max_length: 5 })
  })

  it('a message', () => {
    expect(read('{"cmd":', '"PING"}')).toEqual({ kind: 'message', text: '{"cmd":\n"PING"}' })
  })

  it('until it is forgotten', () => {
    const reader = new InputReader()
    reader.read('SET_STATE a [')
    expect(reader.isOpen).toBe(true)
    reader.reset()
    expect(reader.isOpen).toBe(false)
    expect(reader.read('PING')).toEqual({ kind: 'message', text: '{"cmd":"PING"}' })
  })
})

it.each([
  ['', { kind: 'nothing' }],
  [' \t ', { kind: 'nothing' }],
  ['# PING', { kind: 'nothing' }],
  ['  #', { kind: 'nothing' }],
  ['exit', { kind: 'exit' }],
  ['QUIT', { kind: 'exit' }],
  ['help', { kind: 'help', topic: undefined }],
  ['help Mermaid', { kind: 'help', topic: undefined }],
  ['Help list_records', { kind: 'help', topic: 'LIST_RECORDS' }],
])('the shell keeps %j to itself', (line, input) => {
  expect(read(line)).toEqual(input)
})

describe('a line that cannot be meant is complained about:', () => {
  it.each([
    ['PINGG', 'no command is named PINGG.', 'Did you mean PING?'],
    ['frobnicate', 'no command is named frobnicate.', 'help shows the commands.'],
    ['exit now', 'exit stands alone.', undefined],
    ['help PING HELLO', 'help takes one command.', undefined],
    ['help PINGG', 'no command is named PINGG.', 'Did you mean PING?'],
    ['limit=5', 'no command is named limit=5.', 'help shows the commands.'],
    ['LIST_RECORDS', 'LIST_RECORDS needs state, the name of a state.', /LIST_RECORDS STATE \[limit=\.\.\.\]/],
    ['GET_RECORD a', /^GET_RECORD needs id, a safe integer or a string/, 'It is used as GET_RECORD STATE ID'],
    [
      'SET_RECORD a data={}',
      /^SET_RECORD needs id, /,
      'It is used as SET_RECORD STATE ID DATA [if=...] [imported=...] [fence=...]',
    ],
    ['mermaid', 'mermaid needs state, the name of a state.', 'It is used as mermaid STATE'],
    ['machine a b', 'machine takes the name of one state.', 'It is used as machine STATE'],
    ['machine {"a":1}', 'machine takes the name of one state.', 'It is used as machine STATE'],
    ['PING a', "PING does not take 'a' as well.", 'It is used as PING'],
    ['LIST_RECORDS a 5', "LIST_RECORDS does not take '5' as well.", /\[limit=\.\.\.\]/],
    ['LIST_RECORDS a limt=5', 'LIST_RECORDS has no argument limt.', 'Did you mean limit?'],
    ['LIST_STATES state=a', 'LIST_STATES has no argument state.', /^It is used as LIST_STATES \[prefix=/],
    ['LIST_RECORDS a limit=1 limit=2', 'limit is given twice.', undefined],
    ['PATCH_RECORD a 1 {b:1}', 'data cannot be read: the text is not JSON at position 1.', /double quotes/],
    ['PATCH_RECORD a 1 {"b":1]', 'data cannot be read: the text is not JSON at position 6.', /double quotes/],
    [
      'PATCH_RECORD a 1 {"b":12345678901234567}',
      'data cannot be read: the integer 12345678901234567 cannot be held exactly.',
      undefined,
    ],
    ['{"cmd": PING}', /^the command cannot be read: the text .* JSON\.$/, /double quotes/],
    ['{"cmd":"PING"} {"cmd":"PING"}', 'a command in JSON stands alone.', undefined],
    ["DELETE_STATE 'a", "the quote ' is not closed.", undefined],
    ['DELETE_STATE "a\\"', 'the quote " is not closed.', undefined],
    ['DELETE_STATE "\\q"', /^"\\q" is no text as JSON has it; /, undefined],
    ["DELETE_STATE 'a'b", "a space is missing after 'a'.", undefined],
    ['PATCH_RECORD a 1 {"b":1}x', 'a space is missing after {"b":1}.', undefined],
    ['PATCH_RECORD a 1 {"b":"c', 'the text "c does not end in its line.', undefined],
    ['\u001b[31mPING', 'no command is named \\u001b[31mPING.', 'help shows the commands.'],
  ])('%s', (line, problem, advice) => {
    const input = read(line)
    const matching = (wanted: string | RegExp | undefined): unknown =>
      wanted instanceof RegExp ? expect.stringMatching(wanted) : wanted
    expect(input).toEqual({ kind: 'complaint', problem: matching(problem), advice: matching(advice) })
  })

  it('and the next line is read as if nothing had been', () => {
    const reader = new InputReader()
    expect(reader.read('PATCH_RECORD a 1 {"b":"c').kind).toBe('complaint')
    expect(reader.read('PING').kind).toBe('message')
  })
})

describe('a text in quotes', () => {
  it.each(['leads', 'my leads', "O'Brien", 'a "b"', `'"`, '{a}', '[', '=', 'a=b', '', '日本', 'tab\tbell\u0007', '\\'])(
    'is read as %j again',
    (text) => {
      const { words, problem } = new WordReader().read(`DELETE_STATE ${quoted(text)}`)
      expect(problem).toBeUndefined()
      expect(words[1]).toMatchObject({ name: undefined, text })
      expect(words).toHaveLength(2)
    },
  )

  it('has quotes only where it needs them', () => {
    expect(['leads', 'a-b/c', 'my leads'].map(quoted)).toEqual(['leads', 'a-b/c', "'my leads'"])
  })
})

describe('Tab', () => {
  const states = ['leads', 'leads 2024', 'jobs']
  const offered = (line: string) =>
    complete(line, (prefix) => Promise.resolve(states.filter((state) => state.startsWith(prefix))))

  it.each([
    ['completes a command', 'CREATE_ST', ['CREATE_STATE '], 'CREATE_ST'],
    [
      'keeps to small letters',
      'create_',
      ['create_state', 'create_record', 'create_key', 'create_instance', 'create_snapshot'],
      'create_',
    ],
    ['offers the words of the shell', 'qu', ['quit '], 'qu'],
    ['offers nothing for no command', 'XY', [], 'XY'],
    ['completes what is asked for help', 'help get_sch', ['get_schema '], 'get_sch'],
    ['offers the states', 'LIST_RECORDS ', ['leads', "'leads 2024'", 'jobs'], ''],
    ['offers the states that begin so', 'LIST_RECORDS j', ['jobs '], 'j'],
    ['offers states within quotes', `LIST_RECORDS 'leads 2`, ["'leads 2024' "], `'leads 2`],
    ['offers states by the name of the argument', 'LIST_RECORDS state=j', ['state=jobs '], 'state=j'],
    ['offers the states to be drawn', 'mermaid l', ['leads', "'leads 2024'"], 'l'],
    ['offers one state to be drawn', 'machine leads ', [], ''],
    ['offers no states where there is one', 'LIST_RECORDS leads j', [], 'j'],
    ['offers no states to a command that takes none', 'LIST_STATES l', ['limit='], 'l'],
    [
      'offers arguments',
      'CREATE_STATE leads ',
      ['max_length=', 'kind=', 'schema=', 'definition=', 'history_limit=', 'machine=', 'fields=', 'next_id=', 'fence='],
      '',
    ],
    ['completes an argument', 'CREATE_STATE leads max', ['max_length='], 'max'],
    ['offers no argument twice', 'LIST_RECORDS leads limit=5 ', ['after='], ''],
    ['offers no argument that has its place taken', 'PATCH_RECORD leads 5 ', ['data=', 'if=', 'fence='], ''],
    ['offers nothing for a value', 'LIST_RECORDS leads limit=', [], 'limit='],
    ['offers nothing within JSON', 'SET_STATE leads [{"na', [], ''],
    ['offers nothing to what is no command', 'XY a', [], 'a'],
  ])('%s', async (_what, line, candidates, replaced) => {
    expect(await offered(line)).toEqual([candidates, replaced])
  })

  it('offers every command on an empty line', async () => {
    const [candidates] = await offered('')
    expect(candidates).toEqual([...commandNames, 'machine', 'mermaid', 'help', 'exit', 'quit'])
  })
})

describe('help', () => {
  it('shows every command, within the width of the terminal', () => {
    const text = helpFor(undefined, { ...plainLook, width: 80 })
    for (const name of commandNames) expect(text).toMatch(new RegExp(`^${name} +\\S`, 'm'))
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([])
  })

  it('shows what the shell does by itself', () => {
    const text = helpFor(undefined, plainLook)
    expect(text).toMatch(/^machine STATE {2,}draws /m)
    expect(text).toMatch(/^mermaid STATE {2,}writes /m)
  })

  it('shows what a command takes and replies', () => {
    expect(helpFor('LIST_RECORDS', plainLook)).toBe(
      [
        'LIST_RECORDS STATE [limit=...] [after=...]',
        declarationOf('LIST_RECORDS').summary,
        '',
        'state  the name of a state',
        'limit  an integer of at least 1; may be left out',
        'after  a string; may be left out',
        '',
        'Replies with records, next, version.',
      ].join('\n'),
    )
  })

  it('shows a command that takes nothing', () => {
    expect(helpFor('PING', plainLook)).toBe(`PING\n${declarationOf('PING').summary}\n\nReplies with pong.`)
  })
})
