"""Colours: names of CSS variables that the page sets by theme, with a colour that is legible on light and on dark.

Where there is no style sheet, as in notebooks, the latter is what is seen. Text and axes are the surroundings' own
colour.
"""

INK = "currentColor"
BLUE = "var(--lm-blue, #3b82d6)"
ORANGE = "var(--lm-orange, #d9822b)"
GREEN = "var(--lm-green, #2f9e6e)"
RED = "var(--lm-red, #dc4c4c)"
PURPLE = "var(--lm-purple, #9065c7)"
GREY = "var(--lm-grey, #808890)"

#: For series without a meaning of their own, told apart by all eyes as far as so many can be.
SERIES = (BLUE, ORANGE, GREEN, PURPLE, RED, GREY)

TRAINING, HELD_OUT, TEST = BLUE, ORANGE, GREEN

#: Red, green and blue of values above and below zero in pictures; their strength is the opacity, so that zero is the
#: paper's colour.
ABOVE, BELOW = (59, 130, 214), (226, 122, 32)
