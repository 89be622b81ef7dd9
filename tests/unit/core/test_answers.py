"""Answers survive the tokens of a profile, beside what the company knows."""

from core.answers import AGE_BANDS, Answers, attributes, is_answer, with_answers

TOLD = Answers((5, 2**53), ("Sci-Fi: new", "Drama"), ("O'Hara, Ann",), "25-34")


def test_answers_are_read_back_as_they_were() -> None:
    assert Answers.of(TOLD.tokens()) == TOLD
    assert all(map(is_answer, TOLD.tokens()))
    assert Answers.of(["age:25", "gender:F"]) == Answers()
    assert bool(TOLD)
    assert not Answers()
    for band in AGE_BANDS:
        assert Answers.of(Answers(age_band=band).tokens()).age_band == band


def test_new_answers_take_the_place_of_earlier_ones_and_of_nothing_else() -> None:
    profile = with_answers(("gender:F",), TOLD)
    assert with_answers(profile, Answers(genres=("War",))) == ("gender:F", "told:genre:War")


def test_a_told_age_is_an_attribute_unless_the_company_knows_the_age() -> None:
    assert attributes(with_answers(("gender:F",), TOLD)) == ("gender:F", "age:25")
    assert attributes(with_answers(("age:50",), TOLD)) == ("age:50",)
    assert attributes(("age:25",)) == attributes(Answers(age_band="25-34").tokens()), "a release has learned one token"
