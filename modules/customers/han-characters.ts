import { Converter } from 'opencc-js/t2cn';
import { pinyin } from 'pinyin-pro';

/** Characters and what each is compared as; place by place, so that a warehouse can translate text by them. */
export interface CharacterMap {
  readonly from: string;
  readonly to: string;
}

const FIRST_HAN = 0x3400;
const PAST_LAST_HAN = 0xa000;

/** The data of the Open Chinese Convert project: every traditional character with one simplified form. */
export function simplifiedForms(): CharacterMap {
  const convert = Converter({ from: 't', to: 'cn' });
  return mapOf((character) => convert(character));
}

/**
 * Characters that are read alike without their tone → the first of them, so that texts which sound alike become
 * the same text of the same length. A character with several readings takes the one it has as a surname or,
 * failing that, its most usual one.
 */
export function soundForms(): CharacterMap {
  const first = new Map<string, string>();
  return mapOf((character) => {
    const sound = pinyin(character, { toneType: 'none', mode: 'surname' });
    if (sound === character || sound === '') return character;
    const known = first.get(sound);
    if (known === undefined) first.set(sound, character);
    return known ?? character;
  });
}

function mapOf(form: (character: string) => string): CharacterMap {
  let from = '';
  let to = '';
  for (let code = FIRST_HAN; code < PAST_LAST_HAN; code++) {
    const character = String.fromCodePoint(code);
    const other = form(character);
    if (other === character || [...other].length !== 1) continue;
    from += character;
    to += other;
  }
  return { from, to };
}
