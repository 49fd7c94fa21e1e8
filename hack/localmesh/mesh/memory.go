package mesh

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// residentMiB is the resident memory of a process, or 0 when it cannot be read.
func residentMiB(pid int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, found := bytes.Cut(data, []byte("VmRSS:"))
	if !found {
		return 0
	}
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.Atoi(string(fields[0]))
	if err != nil {
		return 0
	}
	return kib / 1024
}
