// Row 14 in Go, on one processor.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func residentBytes() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	fields := strings.Fields(string(text))
	resident, _ := strconv.Atoi(fields[1])
	shared, _ := strconv.Atoi(fields[2])
	return float64((resident - shared) * os.Getpagesize())
}

func main() {
	wanted := len(os.Args) == 1
	for _, argument := range os.Args[1:] {
		wanted = wanted || argument == "sleeping_task_bytes"
	}
	if !wanted {
		return
	}
	runtime.GOMAXPROCS(1)
	const tasks = 1000000
	before := residentBytes()
	for i := 0; i < tasks; i++ {
		go time.Sleep(time.Hour)
	}
	for i := 0; i < 3; i++ {
		runtime.Gosched()
	}
	fmt.Printf("sleeping_task_bytes\t%.3f\n", (residentBytes()-before)/tasks)
}
