from whisperengine.memory.terms import INDEXED_CHARS, search_text


def test_accents_do_not_keep_words_apart():
    assert search_text("Schrödinger à la crème") == search_text("Schrodinger a la creme")


def test_scripts_without_spaces_are_searched_by_pairs():
    assert search_text("東京都へ").split() == ["東京", "京都", "都へ"]
    assert search_text("猫").split() == ["猫"]


def test_irregular_forms_meet_their_base():
    assert search_text("My children went away") == "my child go away"


def test_a_huge_text_is_indexed_in_part():
    assert len(search_text("x" * 1_000_000)) == INDEXED_CHARS
