// Package dashboard is the verb dashboard. It serves a page on the loopback address, with the rights of whoever started it.
//
//	path                        who may        what
//	/ /*.css /*.js /*.svg       anybody        the page itself, which holds no data; plots are drawn by uPlot (hack/uplot.sh)
//	/api/board                  the token      all Services, as JSON
//	/api/service/{ns}/{name}      the token      one Service, as JSON
//	/api/report/{ns}/{name}     the token      the record of the newest release, as Markdown, or as JSON with ?as=json
//	/api/stream[/{ns}/{name}]   the token      the same live, as server-sent events
//	POST /api/command           token, origin  one verb for one release
//
// Other users of the machine can reach the address, and so can foreign pages in the same browser. Neither has the token: it is
// printed once, goes to the browser in the fragment of the address, which no request carries, and comes back in a header, which no
// foreign page can set. A name that leads to the loopback address (DNS rebinding) is refused by the header Host.
//
// What the page says is decided by package view, and what a command does by package steer.
package dashboard
