"""The page at `/` in a real browser: recordings become a voice that is listened to and published."""

import pytest
from browser import CHROMIUM, Browser
from test_adaptation import recordings


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_adapting_a_voice(server, tmp_path):
    archive = tmp_path / "clips.zip"
    archive.write_bytes(recordings())
    with Browser() as page:
        page.open(server)
        page.until("document.getElementById('server').classList.contains('good')")
        page.run("document.getElementById('adaptation').open = true")
        page.choose_files("#adapt-files", archive)
        page.run("document.getElementById('adapt-name').value = 'Page Voice'")
        page.run("document.getElementById('adapt-updates').value = '12'")
        page.run("document.getElementById('adapt').requestSubmit()")
        page.until("document.getElementById('adapt-status').textContent === 'Started.'")
        # The curve has every update of a short job, and the buttons fit what it does.
        page.until("followed?.updates.length === 12")
        page.until("!document.querySelector('[data-job=cancel]').hidden || followed.isOver")
        page.until("followed.status === 'succeeded'", 120)
        assert page.run("followed.updates.at(-1)[0]") == 12
        assert page.run("followed.checks.length") >= 2
        assert page.run("document.querySelector('[data-job=cancel]').hidden")
        # Before, raw and averaged: the browser can play all three.
        page.until("document.querySelectorAll('#results audio').length === 3")
        page.until("[...document.querySelectorAll('#results audio')].every(a => a.duration > 0.1)")
        page.run("document.getElementById('publish').requestSubmit()")
        page.until("document.getElementById('voice').value === 'page-voice'")
        # Published or not, it can be chosen above, and speaks.
        options = "[...document.getElementById('voice').options].map(option => option.value)"
        adapted = page.run(f"{options}.find(value => value.includes(':page-voice:'))")
        for voice in ("page-voice", adapted):
            page.run(f"document.getElementById('voice').value = '{voice}'")
            page.run("document.getElementById('text').value = 'Hello.'")
            page.run("document.getElementById('speak').requestSubmit()")
            page.until("!document.getElementById('save').hidden")
        page.run("document.getElementById('adaptation').scrollIntoView()")
        page.picture(tmp_path / "page.png")
        page.run("document.querySelector('[data-job=delete]').click()")
        page.until(f"!{options}.includes('{adapted}')")
        assert not page.complaints
