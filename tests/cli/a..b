<svg xmlns="http://www.w3.org/2000/svg" width="516" height="396" viewBox="0 0 516 396">
<style>text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:13px;fill:#1f2937} .title{font-size:18px;font-weight:600} .name{font-weight:600} .soft{fill:#6b7280;font-size:12px} .chip{font-size:11px;font-weight:600;text-anchor:middle} .mid{text-anchor:middle} .halo{paint-order:stroke;stroke:#ffffff;stroke-width:6px;stroke-linejoin:round}</style>
<defs>
<marker id="events" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="#b45309"/></marker>
<marker id="calls" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="#4f46e5"/></marker>
</defs>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="36" y="36" class="title">post_office:office</text>
<text x="36" y="54" class="soft">t.toml</text>
<path d="M213.6 202C213.6 244 120.3 244 120.3 286" fill="none" stroke="#94a3b8" stroke-width="1.5"/>
<path d="M235.6 202C235.6 244 328.9 244 328.9 286" fill="none" stroke="#94a3b8" stroke-width="1.5"/>
<rect x="118.8" y="76" width="211.6" height="126" rx="9" fill="#ffffff" stroke="#94a3b8"/>
<path d="M118.8 110v-25a9 9 0 0 1 9 -9h193.6a9 9 0 0 1 9 9v25z" fill="#eef2f7" stroke="#94a3b8"/>
<text x="132.8" y="98" class="name">all</text>
<text x="132.8" y="128" class="soft">http 127.0.0.1:0</text>
<text x="132.8" y="154">desk</text>
<rect x="169.4" y="140" width="46" height="20" rx="10" fill="#fde7d3"/>
<text x="192.4" y="154" class="chip" style="fill:#9a4a10">write</text>
<rect x="267.4" y="140" width="46" height="20" rx="10" fill="#dcfce7"/>
<text x="290.4" y="154" class="chip" style="fill:#166534">edge</text>
<text x="132.8" y="184">mail</text>
<rect x="169.4" y="170" width="46" height="20" rx="10" fill="#fde7d3"/>
<text x="192.4" y="184" class="chip" style="fill:#9a4a10">write</text>
<rect x="218.4" y="170" width="46" height="20" rx="10" fill="#dbeafe"/>
<text x="241.4" y="184" class="chip" style="fill:#1d4ed8">read</text>
<rect x="267.4" y="170" width="46" height="20" rx="10" fill="#dcfce7"/>
<text x="290.4" y="184" class="chip" style="fill:#166534">edge</text>
<path d="M36 295v56a84.3 9 0 0 0 168.6 0v-56a84.3 9 0 0 0 -168.6 0a84.3 9 0 0 0 168.6 0" fill="#f8fafc" stroke="#94a3b8"/>
<text x="120.3" y="326" class="name mid">desk</text>
<text x="120.3" y="344" class="soft mid">sqlite:kept/desk.db</text>
<path d="M244.6 295v56a84.3 9 0 0 0 168.6 0v-56a84.3 9 0 0 0 -168.6 0a84.3 9 0 0 0 168.6 0" fill="#f8fafc" stroke="#94a3b8"/>
<text x="328.9" y="326" class="name mid">mail</text>
<text x="328.9" y="344" class="soft mid">sqlite:kept/mail.db</text>
</svg>
