"""How does an HTML page of ours look, light and dark, on paper too? Nothing is loaded from elsewhere."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --paper: #f5f6f8; --card: #ffffff; --ink: #1c2330; --soft: #586174; --line: #dde1e8;
  --one: #2f6bd1; --two: #d9822b; --track: #eceff4; --warn: #8a4b00; --warn-paper: #fff4e0; }
@media (prefers-color-scheme: dark) { :root { --paper: #12151b; --card: #1b2029; --ink: #e7eaf0; --soft: #a3adbd;
  --line: #323a47; --one: #6d9ff2; --two: #eda55c; --track: #272e3a; --warn: #ffc98a; --warn-paper: #33260f; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem clamp(1rem, 4vw, 3rem); background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main, header, footer { max-width: 82rem; margin: 0 auto; }
h1 { margin: 0; font-size: 1.6rem; overflow-wrap: anywhere; }
h2 { margin: 0 0 .7rem; font-size: 1.1rem; }
h3 { margin: 1.2rem 0 .4rem; font-size: .95rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem; margin: 1.4rem 0;
  padding: 0; list-style: none; }
.tiles li, section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: 1rem 1.2rem; }
.tiles b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: .85rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 1rem; }
.cards > .wide { grid-column: 1 / -1; }
section { min-width: 0; }
.warn { background: var(--warn-paper); color: var(--warn); border-color: currentColor; margin-bottom: 1rem; }
.warn ul { margin: 0; padding-left: 1.2rem; overflow-wrap: anywhere; }
.key span { display: inline-block; margin-right: 1rem; } .key i { display: inline-block; width: .8rem; height: .8rem;
  border-radius: .2rem; margin-right: .35rem; vertical-align: -.08rem; }
.one { background: var(--one); } .two { background: var(--two); }
.chart { display: grid; grid-template-columns: minmax(5rem, max-content) 1fr; gap: .35rem .8rem; align-items: center;
  margin: .6rem 0 .9rem; }
.chart .name { max-width: 14rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: .85rem; }
.bars { display: grid; gap: 2px; } .bars span { background: var(--track); border-radius: 3px; }
.bars i { display: block; height: .55rem; border-radius: 3px; min-width: 0; } .bars i.some { min-width: 3px; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .88rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .3rem; }
th, td { padding: .28rem .6rem .28rem 0; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { border-top: 0; color: var(--soft); font-weight: 600; }
tbody th { font-weight: 500; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; padding-right: 1rem; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
td.text { overflow-wrap: anywhere; } .dim { color: var(--soft); }
bdi, code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .92em; }
pre { margin: .6rem 0 0; padding: .9rem 1rem; background: var(--track); border-radius: .4rem; overflow-x: auto; }
footer { margin-top: 1.5rem; color: var(--soft); font-size: .85rem; }
@media print { body { background: none; padding: 0; } section { break-inside: avoid; }
  i { print-color-adjust: exact; } }
"""
