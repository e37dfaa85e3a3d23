// The load generators that a machine may have, and what they print.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// noTools in the environment makes demo and bench use the built-in client.
const noTools = "MTCP_NO_TOOLS"

// requestLoad makes HTTP requests from a place with wrk, ab, or the client
// of this command.
func requestLoad(ctx context.Context, at place, core int, l load, url string, closing bool) (loadResult, error) {
	ctx, cancel := context.WithTimeout(ctx, l.duration+10*time.Second)
	defer cancel()
	switch {
	case haveTool("wrk"):
		args := []string{"-t1", fmt.Sprintf("-c%d", l.connections), fmt.Sprintf("-d%.0fs", l.duration.Seconds()), "--latency"}
		if closing {
			args = append(args, "-H", "Connection: close")
		}
		text, err := output(ctx, at, core, "wrk", append(args, url)...)
		if err != nil {
			return loadResult{}, err
		}
		return parseWrk(text, "wrk "+strings.Join(args, " "))
	case haveTool("ab"):
		args := []string{"-q", "-c", strconv.Itoa(l.connections), "-t", fmt.Sprintf("%.0f", l.duration.Seconds()), "-n", "10000000"}
		if !closing {
			args = append(args, "-k")
		}
		text, err := output(ctx, at, core, "ab", append(args, url)...)
		if err != nil {
			return loadResult{}, err
		}
		return parseAb(text, "ab "+strings.Join(args, " "))
	default:
		args := []string{"--http", url}
		if closing {
			args = append(args, "--close")
		}
		return clientLoad(ctx, at, core, l, args...)
	}
}

// clientLoad runs mtcp client.
func clientLoad(ctx context.Context, at place, core int, l load, args ...string) (r loadResult, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.duration+lastPatience+10*time.Second)
	defer cancel()
	args = append([]string{"client", "-c", strconv.Itoa(l.connections), "-n", strconv.Itoa(l.requests), "--duration", l.duration.String()}, args...)
	text, err := output(ctx, at, core, executable(), args...)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return r, fmt.Errorf("mtcp client: %w", err)
	}
	if r.Requests == 0 && r.Octets == 0 {
		return r, errors.New("no request succeeded: " + r.FirstError)
	}
	return r, nil
}

// parseWrk reads what wrk --latency prints.
func parseWrk(text, tool string) (loadResult, error) {
	r := loadResult{Tool: tool}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 2 && f[0] == "50%":
			r.P50, _ = time.ParseDuration(f[1])
		case len(f) == 2 && f[0] == "90%":
			r.P90, _ = time.ParseDuration(f[1])
		case len(f) == 2 && f[0] == "99%":
			r.P99, _ = time.ParseDuration(f[1])
		case len(f) > 4 && f[1] == "requests" && f[2] == "in":
			r.Requests, _ = strconv.ParseUint(f[0], 10, 64)
			spent, _ := time.ParseDuration(strings.TrimSuffix(f[3], ","))
			r.Seconds = spent.Seconds()
		case len(f) > 2 && f[0] == "Socket" && f[1] == "errors:":
			for _, word := range f[2:] {
				n, _ := strconv.ParseUint(strings.TrimSuffix(word, ","), 10, 64)
				r.Errors += n
			}
			r.FirstError = strings.TrimSpace(line)
		case len(f) > 4 && f[0] == "Non-2xx":
			n, _ := strconv.ParseUint(f[len(f)-1], 10, 64)
			r.Errors += n
			r.FirstError = strings.TrimSpace(line)
		}
	}
	if r.Requests == 0 {
		return r, errors.New("wrk got no answer: " + oneLine(text))
	}
	return r, nil
}

// parseAb reads what ab prints.
func parseAb(text, tool string) (loadResult, error) {
	r := loadResult{Tool: tool}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "Time taken for tests:") && len(f) > 4:
			r.Seconds, _ = strconv.ParseFloat(f[4], 64)
		case strings.HasPrefix(line, "Complete requests:"):
			r.Requests, _ = strconv.ParseUint(f[2], 10, 64)
		case strings.HasPrefix(line, "Failed requests:"), strings.HasPrefix(line, "Non-2xx responses:"):
			n, _ := strconv.ParseUint(f[2], 10, 64)
			r.Errors += n
			if n > 0 {
				r.FirstError = strings.TrimSpace(line)
			}
		case len(f) >= 2 && (f[0] == "50%" || f[0] == "90%" || f[0] == "99%"):
			ms, _ := strconv.Atoi(f[1])
			d := time.Duration(ms) * time.Millisecond
			switch f[0] {
			case "50%":
				r.P50 = d
			case "90%":
				r.P90 = d
			case "99%":
				r.P99 = d
			}
		}
	}
	if r.Requests == 0 || r.Seconds == 0 {
		return r, errors.New("ab got no answer: " + oneLine(text))
	}
	return r, nil
}

// haveTool reports whether a load generator is installed and wanted.
func haveTool(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil && os.Getenv(noTools) == ""
}
