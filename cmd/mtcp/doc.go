// Command mtcp shows, serves, fetches and measures with the user-level TCP
// stack of package mtcp.
//
// People and scripts run it. It holds no protocol code, and it leaves nothing
// behind: no XDP program, namespace, interface, process or half-written file.
//
// Reading order: main.go (verbs, exit codes), errors.go (one line that names
// the mend), flags.go (what the verbs share), config.go (the file that flags are
// put over), door.go (the stack or the kernel, behind one shape), tap.go (the
// kernel's end of a TAP), then a file a verb: serve.go with echo.go and
// counters.go, get.go with progress.go, demo.go with demo_choice.go,
// demo_world.go, demo_network.go, demo_steps.go and demo_local.go, doctor.go with
// doctor_text.go, bench.go with bench_serve.go, bench_run.go, bench_table.go,
// bench_half.go with bench_mem.go, and paper.go with paper_rows.go, paper_run.go,
// paper_look.go and bench_yard.go; and what they measure with: client.go, load.go, histogram.go,
// tools.go, child.go, kernel.go.
package main
