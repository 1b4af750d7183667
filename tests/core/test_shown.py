import re

from PIL import Image

from irg.core.trace import Trace, Turn, Verdict


def red(side: int) -> Image.Image:
    return Image.new("RGB", (side, side), "red")


def test_a_trace_shows_its_thoughts_and_pictures_and_nothing_from_elsewhere() -> None:
    turns = (
        Turn(None, red(64), given=True),
        Turn("it <script>alert(1)</script> & is red", red(64), Verdict.of(("one star & <b>not</b> two",))),
        Turn("better", red(64), Verdict(True)),
    )
    trace = Trace('two <img src="http://example.com/x.png"> stars', turns, 7, model={"name": "<b>"})
    shown = trace._repr_html_()
    assert shown.count("data:image/webp;base64,") == shown.count("<img") == 3
    assert not re.search(r"<script|<b>|src=\"http", shown)
    for words in (
        "two &lt;img src=&#34;http",
        "it &lt;script&gt;alert(1)&lt;/script&gt; &amp; is red",
        "one star &amp; &lt;b&gt;not&lt;/b&gt; two",
        "image 1, given",
        "image 3: matches the prompt",
        "seed 7, model &lt;b&gt;",
    ):
        assert words in shown


def test_large_pictures_stay_small_here() -> None:
    noise = Image.effect_noise((1024, 1024), 80).convert("RGB")
    assert len(Trace("noise", (Turn("a" * 2000, noise),), 0, source=noise)._repr_html_()) < 150_000
