"""CelebA's attributes of a person at a moment, from what was drawn."""

from synthetic_people.face import OVAL_FROM, PALE_FROM
from synthetic_people.hair import is_wavy
from synthetic_people.person import BANGS, TRAITS, Moment, Person

STRONG = 0.45  # degree of a trait from which it is named
YOUNG_UNTIL = 42.0  # years
LASTING = (
    "Male", "Young", "Bald", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Bangs",
    "Straight_Hair", "Wavy_Hair", "No_Beard", "Goatee", "Mustache",
    "Sideburns", "5_o_Clock_Shadow", "Pale_Skin", "Chubby", "Oval_Face", "High_Cheekbones",
    "Big_Nose", "Pointy_Nose", "Big_Lips", "Narrow_Eyes", "Arched_Eyebrows", "Bushy_Eyebrows",
    "Bags_Under_Eyes",
)  # fmt: skip
PASSING = (
    "Smiling", "Mouth_Slightly_Open", "Eyeglasses", "Wearing_Hat", "Wearing_Lipstick",
    "Heavy_Makeup", "Rosy_Cheeks", "Wearing_Earrings", "Wearing_Necklace", "Wearing_Necktie",
)  # fmt: skip


def celeba_attributes(person: Person, moment: Moment, tie: bool = False) -> dict[str, bool]:
    """Return CelebA's names of attributes to whether they hold."""
    traits = {word: person.traits[word] > STRONG for word in TRAITS}
    colour = person.hair_colour if person.hair else ""
    beard = person.beard
    haired = bool(person.hair)
    return traits | {
        "Male": person.sex == "male",
        "Young": person.age < YOUNG_UNTIL,
        "Bald": not haired,
        "Black_Hair": colour == "black",
        "Blond_Hair": colour == "blond",
        "Brown_Hair": colour == "brown",
        "Gray_Hair": colour == "gray",
        "Bangs": person.hair in BANGS and "hat" not in moment.worn,
        "Straight_Hair": haired and not is_wavy(person),
        "Wavy_Hair": haired and is_wavy(person),
        "No_Beard": not beard,
        "Goatee": beard == "goatee",
        "Mustache": beard in ("mustache", "goatee", "full"),
        "Sideburns": beard in ("sideburns", "full"),
        "5_o_Clock_Shadow": beard == "stubble",
        "Pale_Skin": person.tone > PALE_FROM,
        "Oval_Face": person.face_shape == "oval" and person.shape_weight > OVAL_FROM,
        "Bushy_Eyebrows": person.brow_weight > 1.3,
        "Smiling": moment.expression in ("smile", "grin"),
        # as annotators of photographs have it: lips that are apart, over teeth as over a gap
        "Mouth_Slightly_Open": moment.expression == "grin" or moment.units.get("jawOpen", 0) > 0.12,
        "Eyeglasses": bool(moment.worn & {"glasses", "sunglasses"}),
        "Wearing_Hat": "hat" in moment.worn,
        "Wearing_Lipstick": "lipstick" in moment.worn,
        "Heavy_Makeup": {"lipstick", "eyeshadow", "blush"} <= moment.worn,
        "Rosy_Cheeks": "blush" in moment.worn,
        "Wearing_Earrings": "earrings" in moment.worn,
        "Wearing_Necklace": "necklace" in moment.worn,
        "Wearing_Necktie": tie,
    }
