extension WebPage {
    static let markup = #"""
        <body>
        <header>
          <h1>Skald</h1>
          <p id="server" class="pill" role="status">connecting…</p>
        </header>
        <main>
          <form id="speak" class="card">
            <label for="text">Text</label>
            <textarea id="text" rows="6" spellcheck="true" required>The skald rose, and the hall fell silent. He sang of long ships, of cold seas, and of the way home.</textarea>
            <p class="hint"><span id="count"></span><span>Ctrl + Enter speaks</span></p>
            <div class="fields">
              <div>
                <label for="voice">Voice</label>
                <select id="voice"></select>
              </div>
              <div>
                <label for="speed">Speed <output id="speed-value" for="speed">1.00</output></label>
                <input id="speed" type="range" min="0.5" max="2" step="0.05" value="1">
              </div>
              <div>
                <label for="steps">Steps</label>
                <select id="steps">
                  <option value="7">7, quickest</option>
                  <option value="" selected>as the server is set</option>
                  <option value="32">32, finest</option>
                </select>
              </div>
              <div>
                <label for="seed">Seed</label>
                <input id="seed" type="number" min="0" max="4294967295" step="1" placeholder="random">
              </div>
            </div>
            <div class="actions">
              <button id="play" type="submit" class="primary">Speak</button>
              <button id="stop" type="button" disabled>Stop</button>
              <a id="save" hidden download="skald.wav">Save as WAV</a>
            </div>
            <canvas id="wave" height="96" role="img" aria-label="The sound as it arrives"></canvas>
            <p id="status" role="status" aria-live="polite">Ready when you are.</p>
            <dl id="figures" hidden>
              <div><dt>First audio</dt><dd id="first">–</dd></div>
              <div><dt>Audio</dt><dd id="length">–</dd></div>
              <div><dt>Real-time factor</dt><dd id="rtf">–</dd></div>
              <div><dt>Seed</dt><dd id="used-seed">–</dd></div>
            </dl>
          </form>

          <details class="card">
            <summary>Add a voice</summary>
            <form id="add">
              <p class="note">Three to twelve seconds of clear speech, and exactly what is said in
                it; left empty, a server that transcribes is asked, if there is one. Use only
                recordings of people who agreed to it.</p>
              <div class="fields">
                <div>
                  <label for="voice-name">Name</label>
                  <input id="voice-name" name="name" required maxlength="64" autocomplete="off">
                </div>
                <div>
                  <label for="voice-language">Language</label>
                  <input id="voice-language" name="language" maxlength="35" placeholder="en" autocomplete="off">
                </div>
              </div>
              <label for="voice-audio">Recording</label>
              <input id="voice-audio" name="audio_sample" type="file" accept="audio/*,.wav,.flac,.mp3,.ogg" required>
              <label for="voice-text">What is said in it</label>
              <textarea id="voice-text" name="ref_text" rows="2"></textarea>
              <div class="actions">
                <button type="submit">Add</button>
                <span id="add-status" role="status" aria-live="polite"></span>
              </div>
            </form>
          </details>

        \#(adaptationMarkup)

          <details class="card">
            <summary>Key</summary>
            <form id="key-form">
              <label for="key">API key, if this server asks for one</label>
              <input id="key" type="password" autocomplete="off">
            </form>
            <p class="note">Kept in this tab until it is closed.</p>
          </details>
        </main>
        <footer>Speech by F5-TTS. What you hear is synthetic.</footer>
        </body>
        """#
}
