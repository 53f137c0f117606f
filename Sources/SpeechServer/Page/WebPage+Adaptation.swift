extension WebPage {
    static let adaptationMarkup = #"""
          <details id="adaptation" class="card">
            <summary>Adapt a voice</summary>
            <form id="adapt">
              <p class="note">An archive (zip or tar) of recordings of one speaker with what is said in them: a
                <code>metadata.csv</code> of <code>audio_file|text</code>, or a text file beside each. The same
                files can be chosen one by one. Ten minutes are plenty. Speech goes before: training waits
                while somebody listens.</p>
              <label for="adapt-files">Recordings</label>
              <input id="adapt-files" type="file" multiple required>
              <div class="fields">
                <div>
                  <label for="adapt-name">Name of the voice</label>
                  <input id="adapt-name" required maxlength="64" autocomplete="off">
                </div>
                <div>
                  <label for="adapt-updates">Updates</label>
                  <input id="adapt-updates" type="number" min="1" max="1000000" placeholder="300">
                </div>
                <div>
                  <label for="adapt-method">Train</label>
                  <select id="adapt-method">
                    <option value="lora" selected>an adapter</option>
                    <option value="full">all weights</option>
                  </select>
                </div>
                <div>
                  <label for="adapt-publish">Publish</label>
                  <select id="adapt-publish">
                    <option value="manual" selected>after listening</option>
                    <option value="auto">at once</option>
                  </select>
                </div>
              </div>
              <div class="actions">
                <button type="submit">Start</button>
                <span id="adapt-status" role="status" aria-live="polite"></span>
              </div>
            </form>
            <section id="jobs" hidden>
              <label for="job">Job</label>
              <select id="job"></select>
              <canvas id="curve" height="96" role="img" aria-label="Loss by update"></canvas>
              <p class="hint"><span id="curve-legend"></span><span id="job-left"></span></p>
              <p id="job-status" role="status" aria-live="polite"></p>
              <div class="actions">
                <button type="button" data-job="pause" hidden>Pause</button>
                <button type="button" data-job="resume" hidden>Resume</button>
                <button type="button" data-job="cancel" hidden>Cancel</button>
                <button type="button" data-job="delete" hidden>Delete</button>
              </div>
              <div id="results"></div>
              <form id="publish" hidden>
                <div class="fields">
                  <div>
                    <label for="publish-name">Publish as</label>
                    <input id="publish-name" required maxlength="64" autocomplete="off">
                  </div>
                  <div>
                    <label for="publish-checkpoint">Checkpoint</label>
                    <select id="publish-checkpoint"></select>
                  </div>
                  <div>
                    <label for="publish-weights">Weights</label>
                    <select id="publish-weights">
                      <option value="auto" selected>the better ones</option>
                      <option value="raw">raw</option>
                      <option value="ema">averaged (EMA)</option>
                    </select>
                  </div>
                </div>
                <div class="actions">
                  <button type="submit" class="primary">Publish</button>
                </div>
              </form>
            </section>
          </details>
        """#

    /// Uploads recordings, follows a job by its events as they come, and publishes what it learnt.
    static let adaptationScript = #"""
        // Adapting a voice.

        const jobsPath = "v1/fine_tuning/jobs";
        let followed = null;

        async function call(path, options = {}) {
          const answer = await fetch(path, { ...options, headers: headers(options.headers) });
          if (!answer.ok) throw new Error(await reason(answer));
          return answer;
        }

        async function post(path, body) {
          const json = { "Content-Type": "application/json" };
          const sent = body ? { headers: json, body: JSON.stringify(body) } : {};
          return (await call(path, { method: "POST", ...sent })).json();
        }

        function tellJob(text, isBad = false) {
          at("job-status").textContent = text;
          at("job-status").classList.toggle("bad", isBad);
        }

        async function listJobs(chosen) {
          const jobs = (await (await call(jobsPath + "?limit=100")).json()).data;
          at("jobs").hidden = !jobs.length;
          const before = chosen ?? at("job").value;
          at("job").replaceChildren(...jobs.map(job =>
            new Option((job.suffix ?? job.id) + " · " + job.status.replace("_", " "), job.id)));
          if (jobs.some(job => job.id === before)) at("job").value = before;
          adapted = jobs.filter(job => job.status === "succeeded").map(job =>
            ({ id: job.fine_tuned_model, name: (job.suffix ?? job.id) + " (as the job left it)" }));
          await listVoices();
          if (at("job").value && at("job").value !== followed?.id) follow(at("job").value);
          if (!jobs.length) followed?.abort.abort();
        }

        /// Shows a job and goes on showing it until it is over or another one is chosen.
        async function follow(id) {
          followed?.abort.abort();
          const run = followed = { id, abort: new AbortController(), updates: [], checks: [], last: null };
          drawCurve();
          tellJob("");
          try {
            await showJob(run);
            const stream = await call(jobsPath + "/" + id + "/events?stream=true", { signal: run.abort.signal });
            let rest = "";
            const decoder = new TextDecoder();
            const reader = stream.body.getReader();
            for (let part; !(part = await reader.read()).done;) {
              const lines = (rest + decoder.decode(part.value, { stream: true })).split("\n");
              rest = lines.pop();
              for (const line of lines)
                if (line.startsWith("data: {")) take(run, JSON.parse(line.slice(6)));
              if (followed !== run) return;
              drawCurve();
              showButtons(run);
            }
            await listJobs();
            await showJob(run);
            // Only a server that ends cuts a stream off before its job is over.
            if (!run.isOver && followed === run) setTimeout(() => { if (followed === run) follow(id); }, 3000);
          } catch (error) {
            if (error.name !== "AbortError" && followed === run) tellJob(error.message, true);
          }
        }

        function take(run, event) {
          run.stale = true;
          const data = event.data;
          if (!data) { tellJob(event.message, event.level !== "info"); return; }
          if (data.train_loss !== undefined) run.updates.push([data.step, data.train_loss]);
          if (data.valid_loss !== undefined)
            run.checks.push([data.step, data.valid_loss, data.valid_loss_ema]);
          run.total = data.total_steps ?? run.total;
          at("job-left").textContent = data.seconds_left === undefined ? ""
            : "update " + data.step + " of " + run.total + ", " + Math.ceil(data.seconds_left / 60) + " min left";
        }

        /// What can be done to a job follows from its state, which changes with its events.
        async function showButtons(run) {
          if (!run.stale || run.isAsking) return;
          run.isAsking = true;
          run.stale = false;
          try { await showJob(run); } finally { setTimeout(() => { run.isAsking = false; }, 1000); }
        }

        async function showJob(run) {
          const job = await (await call(jobsPath + "/" + run.id)).json();
          if (followed !== run) return;
          const active = ["validating_files", "queued", "running"].includes(job.status);
          const over = ["succeeded", "failed", "cancelled"].includes(job.status);
          run.isOver = over;
          const can = { pause: active, resume: ["paused", "failed"].includes(job.status), cancel: !over, delete: over };
          for (const button of document.querySelectorAll("[data-job]")) button.hidden = !can[button.dataset.job];
          if (job.error) tellJob(job.error.message, true);
          if (over) at("job-left").textContent = "";
          at("publish").hidden = job.status !== "succeeded";
          if (run.status === job.status) return;
          run.status = job.status;
          at("results").replaceChildren();
          if (job.status === "succeeded") await showResults(run, job);
        }

        async function showResults(run, job) {
          at("publish-name").value = job.suffix ?? "";
          const checkpoints = (await (await call(jobsPath + "/" + run.id + "/checkpoints?limit=100")).json()).data;
          at("publish-checkpoint").replaceChildren(new Option("the best", ""), ...checkpoints.map(point =>
            new Option("after " + point.step_number + " updates", point.id)));
          for (const id of job.result_files) {
            const file = await (await call("v1/files/" + id)).json();
            const shown = file.filename.endsWith(".wav") ? document.createElement("audio")
              : file.filename.endsWith(".html") ? document.createElement("a") : null;
            if (!shown) continue;
            const url = URL.createObjectURL(await (await call("v1/files/" + id + "/content")).blob());
            if (followed !== run) return;
            const box = document.createElement("div");
            const label = document.createElement("label");
            label.textContent = file.filename.replace(/\.[a-z]+$/, "").replaceAll("-", " ");
            if (shown.tagName === "AUDIO") { shown.controls = true; shown.src = url; }
            else { shown.href = url; shown.download = file.filename; shown.textContent = "Save the report"; }
            box.append(label, shown);
            at("results").append(box);
          }
        }

        function drawCurve() {
          const canvas = at("curve");
          const scale = devicePixelRatio || 1;
          const width = canvas.width = Math.round(canvas.clientWidth * scale);
          const height = canvas.height = Math.round(canvas.clientHeight * scale);
          const pen = canvas.getContext("2d");
          const style = getComputedStyle(document.documentElement);
          const { updates, checks, total } = followed ?? { updates: [], checks: [] };
          const raw = checks.map(check => [check[0], check[1]]);
          const ema = checks.filter(check => check[2] !== undefined).map(check => [check[0], check[2]]);
          const all = [...updates, ...raw, ...ema];
          at("curve-legend").textContent = all.length
            ? "loss: thin while training, bold on held-out clips" + (ema.length ? ", dashed with EMA" : "") : "";
          if (!all.length) return;
          const losses = all.map(point => point[1]);
          const low = Math.min(...losses), high = Math.max(...losses);
          const most = Math.max(total ?? 0, ...all.map(point => point[0]), 1);
          const line = (points, color, thickness, dashes = []) => {
            pen.strokeStyle = style.getPropertyValue(color);
            pen.lineWidth = thickness * scale;
            pen.setLineDash(dashes.map(dash => dash * scale));
            pen.beginPath();
            for (const [step, loss] of points)
              pen.lineTo(step / most * width, height * (0.95 - 0.9 * (loss - low) / (high - low || 1)));
            pen.stroke();
          };
          line(updates, "--faint", 1);
          line(raw, "--accent", 2.5);
          line(ema, "--focus", 2.5, [6, 4]);
        }
        addEventListener("resize", drawCurve);
        at("adaptation").addEventListener("toggle", drawCurve);

        at("adapt").addEventListener("submit", async event => {
          event.preventDefault();
          const status = at("adapt-status");
          const say = (text, isBad = false) => {
            status.textContent = text;
            status.classList.toggle("bad", isBad);
          };
          try {
            const form = new FormData();
            form.append("purpose", "fine-tune");
            const files = [...at("adapt-files").files];
            for (const file of files) form.append("file", file, file.name);
            const size = files.reduce((sum, file) => sum + file.size, 0);
            say("Uploading " + (size / 1e6).toFixed(1) + " MB…");
            const file = await (await call("v1/files", { method: "POST", body: form })).json();
            const hyperparameters = { method: at("adapt-method").value, publish: at("adapt-publish").value };
            if (at("adapt-updates").value) hyperparameters.updates = Number(at("adapt-updates").value);
            const job = await post(jobsPath, {
              model: "tts-1", training_file: file.id, suffix: at("adapt-name").value,
              method: { type: "supervised", supervised: { hyperparameters } } });
            say("Started.");
            await listJobs(job.id);
          } catch (error) {
            say(error.message, true);
          }
        });

        at("job").addEventListener("change", () => follow(at("job").value));
        for (const button of document.querySelectorAll("[data-job]"))
          button.addEventListener("click", async () => {
            const path = jobsPath + "/" + followed.id;
            try {
              if (button.dataset.job === "delete") {
                await call(path, { method: "DELETE" });
                followed.abort.abort();
                followed = null;
              } else {
                await post(path + "/" + button.dataset.job);
              }
              await listJobs();
              if (followed) await showJob(followed);
            } catch (error) {
              tellJob(error.message, true);
            }
          });

        at("publish").addEventListener("submit", async event => {
          event.preventDefault();
          const body = { voice: at("publish-name").value, weights: at("publish-weights").value };
          if (at("publish-checkpoint").value) body.checkpoint = at("publish-checkpoint").value;
          try {
            const voice = await post(jobsPath + "/" + followed.id + "/publish", body);
            await listVoices(voice.id);
            tellJob("“" + voice.name + "” is chosen above: speak with it.");
          } catch (error) {
            tellJob(error.message, true);
          }
        });

        at("key").addEventListener("change", () => listJobs().catch(() => {}));
        listJobs().catch(() => {});
        """#
}
