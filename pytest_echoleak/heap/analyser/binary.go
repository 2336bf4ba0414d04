package main

import (
	"bytes"
	"debug/buildinfo"
	"debug/dwarf"
	"debug/elf"
	"debug/gosym"
	"encoding/binary"
	"slices"
	"sort"
	"strings"
)

// symbol is a variable of the program in its data or bss segment.
type symbol struct {
	addr uint64
	size uint64
	name string
}

// program is what the binary tells about addresses.
type program struct {
	file      *elf.File
	symbols   []symbol // of variables, sorted by address
	functions map[string]symbol
	typesBase uint64 // what DW_AT_go_runtime_type counts from
	dataBase  uint64 // where the data segment was linked to
	dwarf     *dwarf.Data
	lines     *gosym.Table
	places    map[uint64]place
	modules   []string
	fetched   []string // of these, what came from elsewhere
	slide     uint64   // added to the binary's addresses where it was loaded elsewhere (PIE)
	notes     []string
	loaded    bool
}

// openProgram reads a binary's tables. What it lacks ends in notes, not in errors.
func openProgram(image []byte) *program {
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		fail("the binary is no ELF file: %v", err)
	}
	p := &program{file: file, functions: map[string]symbol{}}
	p.readSymbols()
	if section := file.Section(".go.type"); section != nil {
		p.typesBase = section.Addr
	} else if base, ok := p.functions["runtime.types"]; ok {
		p.typesBase = base.addr
	}
	if base, ok := p.functions["runtime.data"]; ok {
		p.dataBase = base.addr
	} else if section := file.Section(".data"); section != nil {
		p.dataBase = section.Addr
	}
	if len(p.symbols) == 0 {
		p.notes = append(p.notes, "the binary has no symbols (-ldflags -s): package variables have no names")
	}
	if file.Section(".debug_info") == nil && file.Section(".zdebug_info") == nil {
		p.notes = append(p.notes, "the binary has no DWARF (-ldflags -w): types and fields have no names")
	} else if data, err := file.DWARF(); err != nil {
		p.notes = append(p.notes, "the binary's DWARF cannot be read: types and fields have no names")
	} else {
		p.dwarf = data
	}
	if info, err := buildinfo.Read(bytes.NewReader(image)); err == nil {
		p.modules = append(p.modules, info.Main.Path)
		for _, module := range info.Deps {
			p.modules = append(p.modules, module.Path)
			// What is of a workspace, or replaced by a folder, has no version.
			if module.Version != "(devel)" && (module.Replace == nil || module.Replace.Version != "") {
				p.fetched = append(p.fetched, module.Path)
			}
		}
	}
	return p
}

func (p *program) readSymbols() {
	all, err := p.file.Symbols()
	if err != nil {
		return
	}
	for _, s := range all {
		if s.Section == elf.SHN_UNDEF || int(s.Section) >= len(p.file.Sections) {
			continue
		}
		section := p.file.Sections[s.Section]
		if section.Flags&elf.SHF_WRITE != 0 && s.Size > 0 && elf.ST_TYPE(s.Info) == elf.STT_OBJECT {
			p.symbols = append(p.symbols, symbol{s.Value, s.Size, unescape(s.Name)})
		}
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC || strings.HasPrefix(s.Name, "runtime.") {
			p.functions[s.Name] = symbol{s.Value, s.Size, s.Name}
		}
	}
	sort.SliceStable(p.symbols, func(a, b int) bool { return p.symbols[a].addr < p.symbols[b].addr })
}

// loadedAt notes where the data segment of the process lay.
func (p *program) loadedAt(data uint64) {
	p.loaded = true
	p.slide = data - p.dataBase
}

// symbolAt returns the variable that an address of the process lies in, or nil.
func (p *program) symbolAt(address uint64) *symbol {
	address -= p.slide
	i := sort.Search(len(p.symbols), func(i int) bool { return p.symbols[i].addr > address })
	// Symbols may lie in one another; the nearest that reaches so far is the most precise one.
	for back := 1; back <= 4 && i-back >= 0; back++ {
		s := &p.symbols[i-back]
		if address-s.addr < s.size {
			return s
		}
	}
	return nil
}

// nextSymbol returns where the first variable after an address begins.
func (p *program) nextSymbol(address uint64) uint64 {
	address -= p.slide
	i := sort.Search(len(p.symbols), func(i int) bool { return p.symbols[i].addr > address })
	if i == len(p.symbols) {
		return ^uint64(0)
	}
	return p.symbols[i].addr + p.slide
}

// place returns the function, file and line of a pc of the process, or "".
func (p *program) place(pc uint64) (function string, file string, line int) {
	if p.lines == nil {
		p.lines, p.places = p.readLines(), map[uint64]place{}
	}
	known, ok := p.places[pc]
	if !ok {
		file, line, fn := p.lines.PCToLine(pc - p.slide)
		if fn != nil {
			known = place{fn.Name, file, line}
		}
		p.places[pc] = known
	}
	return known.Function, known.File, known.Line
}

func (p *program) readLines() *gosym.Table {
	empty := &gosym.Table{}
	section, text := p.file.Section(".gopclntab"), p.file.Section(".text")
	if section == nil {
		section = p.file.Section(".data.rel.ro.gopclntab")
	}
	if section == nil || text == nil {
		return empty
	}
	data, err := section.Data()
	if err != nil {
		return empty
	}
	start := text.Addr
	if base, ok := p.functions["runtime.text"]; ok {
		start = base.addr
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, start))
	if err != nil {
		return empty
	}
	return table
}

// bytesAt returns up to `size` bytes of the binary at a (linked) address.
func (p *program) bytesAt(address uint64, size int) []byte {
	for _, section := range p.file.Sections {
		if section.Type != elf.SHT_PROGBITS || section.Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		if address < section.Addr || address-section.Addr >= section.Size {
			continue
		}
		rest := section.Size - (address - section.Addr)
		if uint64(size) > rest {
			size = int(rest)
		}
		out := make([]byte, size)
		if _, err := section.ReadAt(out, int64(address-section.Addr)); err != nil {
			return nil
		}
		return out
	}
	return nil
}

// isForeign tells whether a package is Go's own, or of a module that was fetched.
func (p *program) isForeign(pkg string) bool {
	return pkg != "main" && (p.isStandard(pkg) || isBelow(pkg, p.fetched))
}

// isStandard tells whether a package is of Go's own library.
func (p *program) isStandard(pkg string) bool {
	if pkg == "main" {
		return false
	}
	if isBelow(pkg, p.modules) {
		return false
	}
	first, _, _ := strings.Cut(pkg, "/")
	return !strings.Contains(first, ".")
}

func isBelow(pkg string, modules []string) bool {
	return slices.ContainsFunc(modules, func(module string) bool {
		return module != "" && (pkg == module || strings.HasPrefix(pkg, module+"/"))
	})
}

// packageOf returns the package's path of a symbol: up to the first dot after the last slash that
// is not in a type argument.
func packageOf(name string) string {
	head := name
	if i := strings.IndexAny(head, "[("); i >= 0 {
		head = head[:i]
	}
	slash := strings.LastIndexByte(head, '/') + 1
	dot := strings.IndexByte(head[slash:], '.')
	if dot < 0 {
		return ""
	}
	return head[:slash+dot]
}

// unescape turns %2e in the last element of a package's path back into a dot.
func unescape(name string) string {
	return strings.ReplaceAll(name, "%2e", ".")
}

// shorten drops the folders of every package's path in a name: a/b/c.T becomes c.T, and a/b/v5.T, as
// the package is called, b.T.
func shorten(name string) string {
	name = unescape(name)
	var out strings.Builder
	start, before := 0, 0
	flush := func(end int) {
		last := name[start:end]
		if dot := strings.IndexByte(last, '.'); before < start && isMajor(last, dot) {
			last = name[before:start-1] + last[dot:]
		}
		out.WriteString(last)
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '/':
			before, start = start, i+1
		case c == '[' && name[start:i] != "map" && hasShape(name[i:]):
			flush(i)
			out.WriteString("[...]")
			i += closing(name[i:])
			before, start = i+1, i+1
		case strings.IndexByte("[]*(){}, <>;", c) >= 0:
			flush(i)
			out.WriteByte(c)
			before, start = i+1, i+1
		}
	}
	flush(len(name))
	return out.String()
}

// hasShape tells whether the brackets that a text begins with have what generic code has for a type.
func hasShape(text string) bool {
	return strings.Contains(text, "go.shape.") && strings.Contains(text[:closing(text)], "go.shape.")
}

// closing returns where the bracket closes that a text begins with, or where the text ends.
func closing(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '[':
			depth++
		case ']':
			depth--
			if depth == 0 {
				return i
			}
		}
	}
	return len(text) - 1
}

// isMajor tells whether a name begins with v2, v3 ... before its dot.
func isMajor(name string, dot int) bool {
	// The first has none in a path: a package may be called v1.
	if dot < 2 || name[0] != 'v' || name[:dot] == "v0" || name[:dot] == "v1" {
		return false
	}
	for _, c := range name[1:dot] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

var order = binary.LittleEndian
