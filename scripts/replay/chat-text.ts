import type { SeededRandom } from './seeded-random.ts';

interface Language {
  readonly words: readonly string[];
  readonly separator: string;
  readonly ends: readonly string[];
}

const language = (words: string, separator = ' ', ends = ['', '', '.', '!', '?', '...']): Language => ({
  words: words.split(' '),
  separator,
  ends,
});

/** The first is the most frequent. */
const languages: readonly Language[] = [
  language(
    "ok yes no thanks lol I you we are is was going to the a and but so what when where how much that's can't " +
      'meeting tomorrow tonight coffee train late soon already sent file call me back later really nice good',
  ),
  language('ja nein danke morgen schön Straße könnte über vielleicht Zug fährt später Frühstück müde heute'),
  language('sí no mañana qué tal niño está bien gracias después llámame año corazón café también aquí'),
  language('да нет спасибо завтра привет хорошо поезд опаздывает сегодня вечером позвони мне потом ещё'),
  language('好 是 不 谢谢 明天 今天 晚上 吃饭 我们 你 在 哪里 会议 火车 晚 点 到 可以 吗 没问题', '', [
    '',
    '。',
    '！',
    '？',
  ]),
  language('はい いいえ ありがとう 明日 今日 電車 遅れ て います どこ です か 了解 お疲れ様', '', [
    '',
    '。',
    'ｗ',
  ]),
  language('نعم لا شكرا غدا اليوم أين أنت القطار متأخر حسنا مساء الخير اتصل بي لاحقا', ' ', ['', '؟', '!']),
  language('כן לא תודה מחר היום איפה אתה הרכבת מאחרת בסדר ערב טוב תתקשר אחר כך'),
  language('हाँ नहीं धन्यवाद कल आज कहाँ हो ट्रेन देर से है ठीक शाम को फ़ोन करना'),
  language('네 아니요 감사합니다 내일 오늘 저녁 어디 기차 늦어요 알겠어 나중에 전화해'),
];

const emoji = ['😀', '😂', '👍🏽', '❤️', '🎉', '👨‍👩‍👧‍👦', '🏳️‍🌈', '🇪🇺', '🤷🏻‍♀️', '🙏', '🔥', '☕️', '1️⃣'];

/** Texts that break careless code: quotes, escapes, markup, lookalike JSON, odd spaces, stacked accents. */
const oddities = [
  'she said "yes" \\o/',
  '{"jsonrpc":"2.0","id":1,"result":{"seq":99}}',
  '"messageId":"1.a.b"',
  '<script>alert(1)</script> & <b>bold</b>',
  'tab\there\nand a new line\r\nand another',
  'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!',
  'zero\u200bwidth\u00a0spaces\u2028lines',
  '‮reversed‬',
  'https://example.org/path?q=a%20b&x=[1]#frag',
  "'; drop table messages; --",
  '𝒻𝒶𝓃𝒸𝓎 𝕥𝕖𝕩𝕥',
  '.',
];

const longTextBytesMax = 8_000;

/** One chat message as people write them: mostly short, in many scripts, at times odd or very long. */
export function chatText(random: SeededRandom): string {
  const kind = random.next();
  if (kind < 0.06) return Array.from({ length: random.geometric(1.6) }, () => random.pick(emoji)).join('');
  if (kind < 0.09) return random.pick(oddities);
  if (kind < 0.092) return longText(random);
  const spoken = languages[random.skewedBelow(languages.length)] ?? random.pick(languages);
  const text = sentence(random, spoken, random.geometric(6));
  return random.chance(0.12) ? `${text} ${random.pick(emoji)}` : text;
}

function sentence(random: SeededRandom, { words, separator, ends }: Language, wordCount: number): string {
  return Array.from({ length: wordCount }, () => random.pick(words)).join(separator) + random.pick(ends);
}

function longText(random: SeededRandom): string {
  const spoken = random.pick(languages);
  const parts: string[] = [];
  let byteCount = 0;
  const bytesWanted = 1_000 + random.below(longTextBytesMax - 1_000);
  for (;;) {
    const part = sentence(random, spoken, 8) + '\n';
    byteCount += Buffer.byteLength(part);
    if (byteCount > bytesWanted) return parts.join('').trimEnd();
    parts.push(part);
  }
}
