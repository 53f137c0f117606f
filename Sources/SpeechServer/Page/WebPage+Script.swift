extension WebPage {
    /// Asks for `pcm` and hands each piece to Web Audio as it arrives, so that the sound starts with
    /// the first chunk; the pieces are kept for saving.
    static let script = #"""
        "use strict";
        const rate = 24000;
        const at = id => document.getElementById(id);
        const storedKey = "skald-key";
        let playing = null;
        let adapted = [];        // what jobs have learnt, by the names of models

        at("key").value = sessionStorage.getItem(storedKey) ?? "";
        at("key").addEventListener("input", () => sessionStorage.setItem(storedKey, at("key").value));

        function headers(more = {}) {
          const key = at("key").value.trim();
          return key ? { ...more, Authorization: "Bearer " + key } : more;
        }

        async function reason(answer) {
          try { return (await answer.json()).error.message; } catch { return "status " + answer.status; }
        }

        function tell(text, isBad = false) {
          if (at("status").textContent !== text) at("status").textContent = text;
          at("status").classList.toggle("bad", isBad);
        }

        // Server: what it is and whether it is ready.

        async function look() {
          const pill = at("server");
          try {
            const health = await fetch("health");
            if (!health.ok) {
              pill.textContent = (await reason(health)).toLowerCase();
              pill.className = "pill";
            } else {
              const models = await fetch("v1/models", { headers: headers() });
              pill.textContent = models.ok ? (await models.json()).data[0].id : "ready";
              pill.className = "pill good";
              return;
            }
          } catch {
            pill.textContent = "server not reached";
            pill.className = "pill bad";
          }
          setTimeout(look, 2000);
        }

        async function listVoices(chosen) {
          const answer = await fetch("v1/audio/voices", { headers: headers() });
          if (!answer.ok) { tell(await reason(answer), true); return; }
          const select = at("voice");
          const before = chosen ?? select.value;
          const voices = [...(await answer.json()).voices, ...adapted];
          select.replaceChildren(...voices.map(v => new Option(v.name, v.id)));
          if ([...select.options].some(o => o.value === before)) select.value = before;
          if (!select.options.length) tell("There is no voice yet: add one below.");
        }
        at("key-form").addEventListener("submit", event => event.preventDefault());
        at("key").addEventListener("change", () => listVoices().catch(() => {}));

        // Playing while it arrives.

        class Player {
          constructor() {
            this.context = new AudioContext({ sampleRate: rate });
            this.end = 0;          // when the last scheduled piece ends, on the context's clock
            this.begin = null;     // when the first began
            this.pieces = [];      // Int16Array, for saving and drawing
            this.samples = 0;
            this.rest = new Uint8Array(0);
            this.last = null;
          }

          take(bytes) {
            const whole = new Uint8Array(this.rest.length + bytes.length);
            whole.set(this.rest); whole.set(bytes, this.rest.length);
            const count = whole.length >> 1;
            this.rest = whole.slice(count * 2);
            if (!count) return;
            const piece = new Int16Array(count);
            const view = new DataView(whole.buffer);
            const buffer = this.context.createBuffer(1, count, rate);
            const channel = buffer.getChannelData(0);
            for (let i = 0; i < count; i++) {
              piece[i] = view.getInt16(i * 2, true);
              channel[i] = piece[i] / 32768;
            }
            this.pieces.push(piece);
            this.samples += count;
            const source = this.context.createBufferSource();
            source.buffer = buffer;
            source.connect(this.context.destination);
            const start = Math.max(this.end, this.context.currentTime + 0.05);
            source.start(start);
            this.begin ??= start;
            this.end = start + count / rate;
            this.last = source;
          }

          ended() {
            return new Promise(done => {
              if (!this.last || this.end <= this.context.currentTime) return done();
              this.last.onended = done;
            });
          }

          wav() {
            const bytes = new DataView(new ArrayBuffer(44 + this.samples * 2));
            const word = (offset, text) => [...text].forEach((c, i) => bytes.setUint8(offset + i, c.charCodeAt(0)));
            word(0, "RIFF"); bytes.setUint32(4, 36 + this.samples * 2, true); word(8, "WAVEfmt ");
            bytes.setUint32(16, 16, true); bytes.setUint16(20, 1, true); bytes.setUint16(22, 1, true);
            bytes.setUint32(24, rate, true); bytes.setUint32(28, rate * 2, true);
            bytes.setUint16(32, 2, true); bytes.setUint16(34, 16, true);
            word(36, "data"); bytes.setUint32(40, this.samples * 2, true);
            let offset = 44;
            for (const piece of this.pieces)
              for (const sample of piece) { bytes.setInt16(offset, sample, true); offset += 2; }
            return new Blob([bytes], { type: "audio/wav" });
          }
        }

        function show(run, isDone) {
          const seconds = run.player.samples / rate;
          at("first").textContent = run.first === null ? "–" : run.first.toFixed(2) + " s";
          at("length").textContent = seconds.toFixed(1) + " s";
          at("rtf").textContent = seconds ? ((run.made - run.start) / 1000 / seconds).toFixed(2) : "–";
          at("used-seed").textContent = run.seed ?? "–";
          at("figures").hidden = false;
          if (!isDone) return;
          const save = at("save");
          if (save.href) URL.revokeObjectURL(save.href);
          save.href = URL.createObjectURL(run.player.wav());
          save.hidden = false;
        }

        async function speak() {
          if (playing) stop();
          const run = { abort: new AbortController(), player: new Player(), start: performance.now(),
                        first: null, made: 0, seed: null };
          playing = run;
          at("stop").disabled = false;
          at("save").hidden = true;
          at("figures").hidden = true;
          tell("Thinking…");
          draw();
          const voice = at("voice").value;
          const body = { model: voice.startsWith("ft:") ? voice : "tts-1", input: at("text").value, voice,
                         speed: Number(at("speed").value), response_format: "pcm", sample_rate: rate };
          if (at("seed").value !== "") body.seed = Number(at("seed").value);
          if (at("steps").value !== "") body.nfe_step = Number(at("steps").value);
          try {
            await run.player.context.resume();
            const answer = await fetch("v1/audio/speech", {
              method: "POST", headers: headers({ "Content-Type": "application/json" }),
              body: JSON.stringify(body), signal: run.abort.signal });
            if (!answer.ok) throw new Error(await reason(answer));
            run.seed = answer.headers.get("x-skald-seed");
            const reader = answer.body.getReader();
            for (let part; !(part = await reader.read()).done;) {
              run.first ??= (performance.now() - run.start) / 1000;
              run.made = performance.now();
              run.player.take(part.value);
              tell("Speaking…");
              show(run, false);
            }
            show(run, true);
            await run.player.ended();
            if (playing === run) tell("Done.");
          } catch (error) {
            if (error.name === "AbortError") tell("Stopped.");
            else {
              tell(run.player.samples ? "The speech broke off: " + error.message : error.message, true);
              if (run.player.samples) show(run, true);
            }
          } finally {
            if (playing === run) finish();
          }
        }

        function finish() {
          playing?.player.context.close();
          shown = playing;
          playing = null;
          at("stop").disabled = true;
          draw();
        }

        function stop() {
          playing?.abort.abort();
          if (playing?.player.samples) show(playing, true);
          finish();
          tell("Stopped.");
        }

        // The waveform, with what has been heard in the accent colour.

        let shown = null;

        function peaksOf(player, bars) {
          const known = player.peaks;
          if (known?.samples === player.samples && known.values.length === bars) return known.values;
          const values = new Float32Array(bars);
          let position = 0;
          for (const piece of player.pieces) {
            for (let i = 0; i < piece.length; i += 8) {
              const bar = Math.min(bars - 1, Math.floor((position + i) / player.samples * bars));
              values[bar] = Math.max(values[bar], Math.abs(piece[i]) / 32768);
            }
            position += piece.length;
          }
          player.peaks = { samples: player.samples, values };
          return values;
        }

        function draw() {
          const run = playing ?? shown;
          const canvas = at("wave");
          const scale = devicePixelRatio || 1;
          const width = canvas.width = Math.round(canvas.clientWidth * scale);
          const height = canvas.height = Math.round(canvas.clientHeight * scale);
          const pen = canvas.getContext("2d");
          const style = getComputedStyle(document.documentElement);
          const line = style.getPropertyValue("--line"), accent = style.getPropertyValue("--accent");
          const bar = 3 * scale, gap = 2 * scale, bars = Math.floor(width / (bar + gap));
          const samples = run?.player.samples ?? 0;
          const heard = playing && run.player.begin !== null
            ? (run.player.context.currentTime - run.player.begin) * rate : samples;
          const peaks = run ? peaksOf(run.player, bars) : [];
          const loudest = Math.max(0.05, ...peaks);
          for (let i = 0; i < bars; i++) {
            const size = Math.max(2 * scale, (peaks[i] ?? 0) / loudest * height * 0.95);
            pen.fillStyle = samples && i / bars * samples <= heard ? accent : line;
            pen.fillRect(i * (bar + gap), (height - size) / 2, bar, size);
          }
          if (playing) requestAnimationFrame(draw);
        }
        addEventListener("resize", draw);
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

        // Controls.

        function count() {
          const used = [...at("text").value].length;
          at("count").textContent = used + " of 4096 characters";
          at("count").classList.toggle("bad", used > 4096);
        }
        at("text").addEventListener("input", count);
        at("text").addEventListener("keydown", event => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("speak").requestSubmit();
        });
        at("speed").addEventListener("input", () => {
          at("speed-value").textContent = Number(at("speed").value).toFixed(2);
        });
        at("speak").addEventListener("submit", event => { event.preventDefault(); speak(); });
        at("stop").addEventListener("click", stop);

        at("add").addEventListener("submit", async event => {
          event.preventDefault();
          const status = at("add-status");
          status.className = "";
          status.textContent = "Adding…";
          const form = new FormData(at("add"));
          if (!form.get("language")) form.delete("language");
          try {
            const answer = await fetch("v1/audio/voices", { method: "POST", headers: headers(), body: form });
            if (!answer.ok) throw new Error(await reason(answer));
            const voice = await answer.json();
            await listVoices(voice.id);
            at("add").reset();
            const heard = form.get("ref_text").trim() ? [] : ["What was heard: “" + voice.ref_text + "”."];
            status.textContent = ["Added “" + voice.name + "”, chosen above.", ...heard,
              ...voice.findings.map(finding => finding.message)].join(" ");
          } catch (error) {
            status.className = "bad";
            status.textContent = error.message;
          }
        });

        count(); draw(); look(); listVoices().catch(() => {});

        \#(adaptationScript)
        """#
}
