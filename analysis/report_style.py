"""How the page looks: one style sheet, one small script for hover text, and a policy that lets the page fetch nothing."""

from __future__ import annotations

from typing import Final

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)

STYLE: Final = """
:root{color-scheme:light dark;--paper:#fdfdfb;--card:#f4f4f0;--ink:#1c2024;--soft:#5a626b;--grid:#e3e3dd;--rule:#c9c9c2;
--cost:#27567f;--gain:#d08c2c;--total:#3a4048;--band:#27567f22;--warn:#8a5a00}
@media(prefers-color-scheme:dark){:root{--paper:#15181b;--card:#1d2125;--ink:#e8e8e3;--soft:#a2a9b0;--grid:#2b3035;
--rule:#454b52;
--cost:#7fb4de;--gain:#e2a54b;--total:#c9cdd2;--band:#7fb4de26;--warn:#e0b062}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:61rem;margin:0 auto;padding:2.5rem 1.5rem 5rem}
header p,.foot{color:var(--soft);font-size:.875rem;margin:.15rem 0}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .35rem;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.3rem;margin:4rem 0 .35rem;font-weight:650;letter-spacing:-.005em}
h3{font-size:1rem;margin:2rem 0 .5rem;font-weight:600}
.lede{font-size:1.125rem;line-height:1.6;margin:1.75rem 0 1.25rem;padding:0;list-style:none}
.lede li{margin:0 0 .7rem;max-width:46rem;text-wrap:pretty}
.lead,.note{color:var(--soft);max-width:46rem;margin:.1rem 0 1.1rem}
.note{font-size:.875rem;margin:.9rem 0 .3rem;padding-left:.85rem;border-left:3px solid var(--rule)}
.note p{margin:.25rem 0}
nav{margin:1.5rem 0 0;font-size:.875rem}nav a{color:var(--soft);margin-right:1.1rem;white-space:nowrap}
a{color:var(--cost)}
figure{margin:1rem 0 1.2rem;break-inside:avoid}
svg{display:block;width:100%;height:auto;overflow:visible}
.narrow{display:none}
.pair{display:grid;grid-template-columns:repeat(auto-fill,minmax(18.5rem,1fr));gap:1.8rem 2rem}
.pair figure{margin:0}
svg text{font-family:inherit;font-size:12px;fill:var(--ink);font-variant-numeric:tabular-nums;
paint-order:stroke;stroke:var(--paper);stroke-width:3px;stroke-linejoin:round}
svg .axis,svg .faint{fill:var(--soft);font-size:11px}svg .strong{font-weight:650}
.grid{stroke:var(--grid);stroke-width:1}.zero{stroke:var(--rule);stroke-width:1.2}
.join{stroke:var(--rule);stroke-width:1;stroke-dasharray:2 2}
.cost,.buy{fill:var(--cost)}.gain{fill:var(--gain)}.total{fill:var(--total)}
.hollow-cost{fill:var(--paper);stroke:var(--cost);stroke-width:1.6}
.hollow-gain{fill:var(--paper);stroke:var(--gain);stroke-width:1.6}
.sell{fill:var(--paper);stroke:var(--gain);stroke-width:1.8;stroke-linejoin:round}
.buy{stroke:var(--paper);stroke-width:.8}
.interval{stroke:var(--cost);stroke-width:2;opacity:.45}
.mark{stroke:var(--cost);stroke-width:1.2}.mark2{stroke:var(--cost);stroke-width:2.4}
.line{fill:none;stroke:var(--soft);stroke-width:1.5;stroke-linejoin:round}.band{fill:var(--band)}
[data-tip]{cursor:default}
.wide-table{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-size:.84rem;font-variant-numeric:tabular-nums;min-width:100%}
th{font-weight:600;color:var(--soft);vertical-align:bottom}
th,td{padding:.28rem .7rem;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
td.l,th.l{text-align:left}td:first-child,th:first-child{padding-left:0}
td.w{white-space:normal;min-width:16rem;overflow-wrap:anywhere}
details{margin:.4rem 0;break-inside:avoid}summary{cursor:pointer;color:var(--soft);font-size:.875rem}
details.order{border-top:1px solid var(--grid);padding:.55rem 0;margin:0}
details.order summary{color:var(--ink);font-size:.95rem;display:grid;grid-template-columns:1.6rem 1fr auto;gap:.6rem;
list-style:none;align-items:baseline}
details.order summary::-webkit-details-marker{display:none}
details.order summary .rank{color:var(--soft)}
details.order summary .num{font-variant-numeric:tabular-nums;white-space:nowrap;text-align:right}
ol.story{list-style:none;margin:.7rem 0 .6rem 2.2rem;padding:0;font-size:.875rem}
ol.story li{display:grid;grid-template-columns:5.2rem 6.4rem 1fr;gap:.8rem;padding:.22rem 0;overflow-wrap:anywhere}
ol.story .at,ol.story .no{color:var(--soft);font-variant-numeric:tabular-nums;white-space:nowrap}
.small{font-size:.75em;color:var(--warn)}
#tip{position:fixed;z-index:9;max-width:min(22rem,90vw);padding:.45rem .65rem;border-radius:4px;background:var(--ink);
color:var(--paper);
font-size:.8125rem;line-height:1.4;white-space:pre-line;pointer-events:none;overflow-wrap:anywhere;
font-variant-numeric:tabular-nums}
@media(max-width:44rem){main{padding:1.4rem 1rem 3rem}h1{font-size:1.4rem}h2{margin-top:3rem}.lede{font-size:1.05rem}
.wide{display:none}.narrow{display:block}
details.order summary{grid-template-columns:1.4rem 1fr}
details.order summary .num{grid-column:2;text-align:left;color:var(--soft)}
details.order summary span{min-width:0;overflow-wrap:anywhere}ol.story{margin-left:0}
ol.story li{grid-template-columns:4.4rem 1fr;gap:.1rem .7rem}ol.story .words{grid-column:1/-1}}
@media print{:root{--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--grid:#ddd;--rule:#aaa;--cost:#27567f;--gain:#d08c2c;
--total:#333;--band:#27567f22}
body{font-size:10pt}main{max-width:none;padding:0}nav,.tables{display:none}h2{margin-top:1.6rem;break-after:avoid}
h3,.lead,details.order summary{break-after:avoid}.story li{break-inside:avoid}
.wide{display:block}.narrow{display:none}details.order{break-inside:avoid}@page{margin:16mm 14mm}}
"""

SCRIPT: Final = """
(function(){var tip=document.createElement('div');tip.id='tip';tip.hidden=true;document.body.appendChild(tip);
function show(e){var at=e.target.closest&&e.target.closest('[data-tip]');if(!at){tip.hidden=true;return}
tip.textContent=at.getAttribute('data-tip');tip.hidden=false;var x=e.clientX+14,y=e.clientY+14;
x=Math.max(6,Math.min(x,innerWidth-tip.offsetWidth-8));if(y+tip.offsetHeight>innerHeight-8)y=e.clientY-tip.offsetHeight-10;
tip.style.left=x+'px';tip.style.top=Math.max(6,y)+'px'}
document.addEventListener('pointermove',show,{passive:true});document.addEventListener('pointerdown',show,{passive:true});
document.addEventListener('scroll',function(){tip.hidden=true},{passive:true});
addEventListener('beforeprint',function(){document.querySelectorAll('details.order').forEach(function(d){d.open=true})})})();
"""
