// Command analyser answers questions about a Go heap dump: what lives, and who holds it.
//
// It reads one JSON object on its standard input (type request) and writes one on its standard
// output (type response). It never writes a value that the dump contains: names, types and sizes
// come from the program, the rest are counts.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

// request is what is asked. `Before` is an earlier dump of the same process: what lived in it
// already is not asked for.
type request struct {
	Dump      string     `json:"dump"`
	Before    string     `json:"before"`
	Binary    string     `json:"binary"`
	Questions []question `json:"questions"`
	Histogram bool       `json:"histogram"`
	Growth    bool       `json:"growth"` // ask for the holders of what grew most
	Top       int        `json:"top"`
	Memory    uint64     `json:"memory_bytes"` // the most that may be used; 0: no limit
}

type response struct {
	Error      string      `json:"error,omitempty"`
	GoVersion  string      `json:"go_version"`
	Objects    int         `json:"objects"`
	Bytes      uint64      `json:"bytes"`
	Sampled    int         `json:"sampled"`
	Reached    int         `json:"reached"`
	Typed      int         `json:"typed"`
	Goroutines int         `json:"goroutines"`
	Notes      []string    `json:"notes"`
	Answers    []answer    `json:"answers"`
	Sites      []site      `json:"sites"`
	Dominators []dominator `json:"dominators"`
}

func main() {
	// All arrays are flat: a collection is cheap, and twice the live heap would be too much.
	debug.SetGCPercent(25)
	out := json.NewEncoder(os.Stdout)
	asked, err := io.ReadAll(os.Stdin)
	var q request
	if err == nil {
		err = json.Unmarshal(asked, &q)
	}
	if err != nil {
		out.Encode(response{Error: fmt.Sprintf("the question cannot be read: %v", err)})
		os.Exit(1)
	}
	if q.Memory > 0 {
		limitMemory(q.Memory)
	}
	answer := respond(&q)
	out.Encode(answer)
	if answer.Error != "" {
		os.Exit(1)
	}
}

// respond turns whatever is wrong with a file into one sentence.
func respond(q *request) (answer response) {
	reading := q.Dump
	defer func() {
		if found := recover(); found != nil {
			if one, ok := found.(damaged); ok {
				answer = response{Error: reading + ": " + one.what}
				return
			}
			answer = response{Error: fmt.Sprintf("%s: its contents contradict each other (%v)", reading, found)}
		}
	}()
	return analyse(q, &reading)
}

func load(path string) []byte {
	data, err := mapFile(path)
	if err != nil {
		fail("it cannot be read: %v", err)
	}
	return data
}

func analyse(q *request, reading *string) response {
	clock := newClock()
	var known map[uint64]uint64
	if q.Before != "" {
		*reading = q.Before
		known = earlier(load(q.Before))
		clock.mark("before")
	}
	*reading = q.Dump
	d := parse(load(q.Dump))
	clock.mark("parse")
	x := d.settle()
	clock.mark("index")
	*reading = q.Binary
	p := openProgram(load(q.Binary))
	t := newTypeTable(p)
	clock.mark("binary")
	*reading = q.Dump
	roots := makeRoots(d, p, x).roots
	g := newGraph(d, x, roots)
	clock.mark("graph")
	y := newTyping(t, g, x)
	y.nameStacks()
	clock.mark("stack variables")
	g.search(x, y.hasName)
	clock.mark("search")
	idom, retained := g.dominate()
	clock.mark("dominators")
	sites := d.sites(x)
	stacks := d.decodeStacks(used(sites, len(d.records)))
	clock.mark("stacks")
	y.run(objectTypes(t, d, sites, stacks))
	clock.mark("types")
	names := namer{g: g, y: y, t: t, x: x, slots: map[uint32][]slotOf{}, sites: sites, ofMap: makesMaps(stacks)}
	f := &finder{namer: names, idom: idom, retained: retained, stacks: stacks, numbers: map[uint32]int{}, shared: map[uint32]bool{}, budget: totalBudget, dumped: dumpedAt(q.Dump), ends: map[int32][]endField{}}
	out := response{GoVersion: d.version, Objects: len(d.addr), Goroutines: len(d.goroutines), Notes: p.notes}
	f.count(&out, sites)
	fresh := freshness(d, known)
	if q.Histogram || q.Growth {
		out.Sites = f.histogram(sites, stacks, fresh, q)
		out.Dominators = f.top(q.Top)
	}
	for i := range q.Questions {
		out.Answers = append(out.Answers, f.answer(&q.Questions[i], sites, stacks, fresh))
	}
	f.numberContainers(out.Answers)
	clock.mark("answers")
	return out
}

func used(sites []int32, records int) []bool {
	out := make([]bool, records)
	for _, of := range sites {
		if of >= 0 {
			out[of] = true
		}
	}
	return out
}
