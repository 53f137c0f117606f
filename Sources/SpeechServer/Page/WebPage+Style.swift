extension WebPage {
    static let style = #"""
        :root {
          color-scheme: light dark;
          --page: #f3f1ec; --card: #fffdf9; --ink: #22252b; --faint: #62666f; --line: #d9d4c8;
          --accent: #0f5c63; --on-accent: #ffffff; --soft: #dcebea; --bad: #a3262a; --focus: #b4691f;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #14171b; --card: #1c2026; --ink: #e9e6df; --faint: #a0a5ae; --line: #343a43;
            --accent: #6cc5c1; --on-accent: #0c1f21; --soft: #21393b; --bad: #ff8f87; --focus: #f0b060;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 46rem; background: var(--page);
          color: var(--ink); font: 1rem/1.5 system-ui, sans-serif;
        }
        header { display: flex; align-items: center; justify-content: space-between; gap: 1rem; }
        h1 { font: 600 1.9rem/1.2 Georgia, "Times New Roman", serif; letter-spacing: .01em; margin: 0; }
        .pill {
          margin: 0; padding: .2rem .75rem; border-radius: 2rem; border: 1px solid var(--line);
          color: var(--faint); font-size: .85rem; max-width: 60%; overflow: hidden;
          text-overflow: ellipsis; white-space: nowrap;
        }
        .pill.good { background: var(--soft); border-color: transparent; color: var(--accent); }
        .pill.bad, .bad { color: var(--bad); }
        .card {
          background: var(--card); border: 1px solid var(--line); border-radius: .9rem;
          padding: 1.25rem; margin-top: 1rem;
        }
        label, dt { display: block; font-size: .85rem; font-weight: 600; color: var(--faint); }
        label { margin: .75rem 0 .25rem; }
        .card > label:first-child { margin-top: 0; }
        textarea, select, input:not([type=range]) {
          width: 100%; padding: .6rem .7rem; font: inherit; color: inherit; background: var(--page);
          border: 1px solid var(--line); border-radius: .55rem;
        }
        textarea { resize: vertical; display: block; }
        #text { font-size: 1.1rem; }
        input[type=range] { width: 100%; height: 2.6rem; margin: 0; accent-color: var(--accent); }
        .hint, .note { margin: .4rem 0 0; font-size: .85rem; color: var(--faint); }
        .hint { display: flex; justify-content: space-between; gap: 1rem; }
        .fields { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 0 1rem; }
        .actions { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem; margin-top: 1.1rem; }
        button {
          font: inherit; font-weight: 600; padding: .6rem 1.3rem; border-radius: .55rem; cursor: pointer;
          border: 1px solid var(--line); background: transparent; color: inherit;
        }
        button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
        button:disabled { opacity: .45; cursor: default; }
        button:not(:disabled):hover { filter: brightness(1.08); }
        a { color: var(--accent); }
        :focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
        canvas { display: block; width: 100%; height: 6rem; margin-top: 1.1rem; }
        #results { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: .25rem 1rem; }
        audio { display: block; width: 100%; }
        #status { margin: .5rem 0 0; min-height: 1.5em; }
        dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: .75rem; margin: .75rem 0 0; }
        dl > div { background: var(--page); border-radius: .55rem; padding: .5rem .75rem; }
        dd { margin: 0; font-size: 1.15rem; font-variant-numeric: tabular-nums; }
        summary { cursor: pointer; font-weight: 600; }
        footer { margin-top: 1.5rem; text-align: center; font-size: .85rem; color: var(--faint); }
        [hidden] { display: none !important; }
        @media (prefers-reduced-motion: no-preference) { button { transition: filter .15s; } }
        """#
}
