/** The report's look: dark or light as the reader's system is, from 360 px up. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#ffffff, #14171c); --panel: light-dark(#f6f7f9, #1c2027);
  --line: light-dark(#cfd5dd, #3a424e); --words: light-dark(#3c4450, #b6bfcc);
  --strong: light-dark(#14181f, #eef1f5); --link: light-dark(#0b5cad, #7db9ff);
  --bad: light-dark(#a4161a, #ff8f8f);
  --c0: light-dark(#0a7d5c, #34d3a0); --c1: light-dark(#c2410c, #fb8c4b);
  --c2: light-dark(#6d5bd0, #a99cf5); --c3: light-dark(#0b6bb8, #63b3ff);
  --c4: light-dark(#a3195b, #ff8ac2); --c5: light-dark(#7a5c00, #e3c04a);
  --c6: light-dark(#0e7490, #7ce7f5); --c7: light-dark(#6b7280, #9aa4b2);
  font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--words); }
main, header, footer { max-width: 1240px; margin: 0 auto; padding: 0 16px; }
h1, h2, h3, caption, th { color: var(--strong); }
h1 { font-size: 1.75rem; margin: 1.5rem 0 .25rem; } h2 { font-size: 1.3rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1.05rem; margin: 0 0 .5rem; }
a { color: var(--link); } :focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 16px; top: 8px; background: var(--ground); padding: 8px; z-index: 1; }
nav ul { padding-left: 1.2rem; columns: 22rem; }
section.plot { border: 1px solid var(--line); border-radius: 10px; padding: 16px; margin: 0 0 16px;
  display: grid; gap: 8px 24px; grid-template-columns: minmax(0, 1fr); }
section.plot h3 { grid-column: 1 / -1; }
@media (max-width: 480px) { section.plot { padding: 10px; } }
@media (min-width: 900px) {
  section.plot:not(.wide) { grid-template-columns: minmax(0, 470px) minmax(0, 1fr); }
}
svg { display: block; width: 100%; max-width: 470px; height: auto; font-size: 12.5px; }
.table { overflow-x: auto; align-self: start; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0 0 6px; }
th, td { padding: 4px 10px 4px 0; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; white-space: nowrap; }
th[scope=row], thead th:first-child { text-align: left; font-weight: 500; }
th[scope=row] { white-space: normal; min-width: 9.5rem; } thead th { white-space: normal; }
td.words { text-align: left; white-space: normal; min-width: 16rem; }
thead th { vertical-align: bottom; }
.failed { color: var(--bad); font-weight: 600; }
svg text { fill: var(--words); }
.frame { fill: var(--panel); } .grid { stroke: var(--line); fill: none; }
.curve { fill: none; stroke-width: 2.25; stroke-linejoin: round; }
.c0 { stroke: var(--c0); } .c1 { stroke: var(--c1); stroke-dasharray: 9 4; }
.c2 { stroke: var(--c2); stroke-dasharray: 2 4; } .c3 { stroke: var(--c3); stroke-dasharray: 14 4 2 4; }
.c4 { stroke: var(--c4); stroke-dasharray: 5 3; } .c5 { stroke: var(--c5); stroke-dasharray: 16 6; }
.dot { fill: var(--ground); stroke-width: 1.75; stroke-dasharray: none; }
.bar { stroke: var(--ground); stroke-width: 1; }
.queue, .packets { fill: var(--c5); } .encode, .rebuilt { fill: var(--c0); }
.seal { fill: var(--c4); } .reassemble { fill: var(--c6); } .wait { fill: var(--c7); }
.network { fill: var(--c3); } .decode { fill: var(--c2); } .present, .gone { fill: var(--c1); }
.whisker { stroke: var(--strong); stroke-width: 2; fill: none; }
.halo { stroke: var(--ground); stroke-width: 5; fill: none; }
@media print { :root { color-scheme: light; } section.plot { break-inside: avoid; } }
`;
