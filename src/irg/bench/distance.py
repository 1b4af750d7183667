"""The edit distance of texts."""


def edit_distance(one: str, other: str) -> int:
    """The fewest letters to put in, take out or change that make one text of the other (Levenshtein).

    By the bits of whole numbers, a column at a time (Myers 1999, as Hyyrö 2003 has it for the distance):
    a text of hundreds of letters takes well under a millisecond.
    """
    if not one:
        return len(other)
    places: dict[str, int] = {}
    for at, letter in enumerate(one):
        places[letter] = places.get(letter, 0) | 1 << at
    mask, last = (1 << len(one)) - 1, 1 << len(one) - 1
    rises, falls, distance = mask, 0, len(one)
    for letter in other:
        match = places.get(letter, 0)
        vertical = match | falls
        horizontal = (((match & rises) + rises) ^ rises) | match
        right_rises = falls | ~(horizontal | rises) & mask
        right_falls = rises & horizontal
        distance += bool(right_rises & last) - bool(right_falls & last)
        right_rises, right_falls = (right_rises << 1 | 1) & mask, right_falls << 1 & mask
        rises, falls = right_falls | ~(vertical | right_rises) & mask, right_rises & vertical
    return distance
