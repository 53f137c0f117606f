"""Words as they are spoken: digits spelled out, spelling variants joined, punctuation dropped."""

import re

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
VARIANTS = {
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "st": "saint",
    "ok": "okay",
    "theatre": "theater",
    "colour": "color",
    "harbour": "harbor",
    "favour": "favor",
    "metres": "meters",
    "grey": "gray",
    "honour": "honor",
    "neighbour": "neighbor",
    "mum": "mom",
    "till": "until",
    "oh": "o",
    "pyjamas": "pajamas",
    "alright": "all right",
    "realise": "realize",
    "centre": "center",
}


def cardinal(n: int) -> str:
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (f" {ONES[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{ONES[n // 100]} hundred" + (f" {cardinal(n % 100)}" if n % 100 else "")
    if n < 1_000_000:
        return f"{cardinal(n // 1000)} thousand" + (f" {cardinal(n % 1000)}" if n % 1000 else "")
    return digits(str(n))


def ordinal(n: int) -> str:
    *head, last = cardinal(n).split()
    plain = last[:-1] + "ieth" if last.endswith("y") else last + "th"
    return " ".join([*head, ORDINALS.get(last, plain)])


def digits(text: str) -> str:
    return " ".join(ONES[int(c)] for c in text)


def _number(match: re.Match, spell: bool) -> str:
    text = match[0]
    if spell or len(text) > 6 or (len(text) > 1 and text[0] == "0"):
        return f" {digits(text)} "
    if re.fullmatch(r"(1[1-9]|20)\d\d", text) and text[1:3] != "00":  # a year, most likely
        century, rest = int(text[:2]), int(text[2:])
        tail = "hundred" if rest == 0 else f"o {cardinal(rest)}" if rest < 10 else cardinal(rest)
        return f" {cardinal(century)} {tail} "
    return f" {cardinal(int(text))} "


def _clock(match: re.Match) -> str:
    hour, minute = match[1], match[2]
    if minute == "00":
        return f"{cardinal(int(hour))} o'clock "
    return f"{cardinal(int(hour))} {'o ' if minute[0] == '0' else ''}{cardinal(int(minute))}"


def words(text: str, spell_digits: bool = False) -> list[str]:
    text = text.lower().replace("\u2019", "'")
    text = re.sub(r"\$(\d[\d,]*)\.(\d\d)\b", r"\1 dollars and \2 cents", text)
    text = re.sub(r"\$(\d[\d,]*)", r"\1 dollars", text)
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = text.replace("%", " percent ")
    text = re.sub(r"\b(\d{1,2}):(\d\d)\b", _clock, text)
    text = re.sub(r"\b(\d{1,6})(?:st|nd|rd|th)\b", lambda m: ordinal(int(m[1])), text)
    text = re.sub(r"\d+", lambda m: _number(m, spell_digits), text)
    text = re.sub(r"[^a-z' ]", " ", text)
    found = " ".join(VARIANTS.get(w.strip("'"), w.strip("'")) for w in text.split()).split()
    # "one hundred and five" and "one hundred five" are the same thing said.
    return [
        w
        for i, w in enumerate(found)
        if not (w == "and" and i and found[i - 1] in ("hundred", "thousand"))
    ]


def distance(reference: list[str], heard: list[str]) -> int:
    row = list(range(len(heard) + 1))
    for i, a in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]


def letter_errors(reference: str, heard: str) -> tuple[int, int]:
    """As `errors`, of letters: tells apart what is far from being understood."""
    said, understood = (list("".join(words(text))) for text in (reference, heard))
    return distance(said, understood), len(said)


def errors(reference: str, heard: str) -> tuple[int, int]:
    """Substitutions, insertions and deletions; and the number of words in the reference."""
    said, understood = words(reference), words(heard)
    count = distance(said, understood)
    if count and re.search(r"\d", heard):  # a digit string may have been read digit by digit
        joined = re.sub(r"(?<=\d)[-, ]+(?=\d)", " ", heard)
        count = min(count, distance(said, words(joined, spell_digits=True)))
    if "".join(said) == "".join(understood):  # "every one" and "everyone" sound alike
        count = 0
    return count, len(said)
