// Package events tells those who ask about changes to notes.
package events

import "sync"

// Event is one change to a note.
type Event struct {
	NoteID int64
	Kind   string
}

// Bus hands every event to every listener.
type Bus struct {
	mu        sync.RWMutex
	last      int
	listeners map[int]func(Event)
}

// NewBus returns a bus that nobody listens to yet.
func NewBus() *Bus {
	return &Bus{listeners: make(map[int]func(Event))}
}

// Subscribe calls listener for each event until the returned function is called.
func (b *Bus) Subscribe(listener func(Event)) (unsubscribe func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	id := b.last
	b.listeners[id] = listener
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.listeners, id)
	}
}

// Publish hands the event to all listeners.
func (b *Bus) Publish(event Event) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, listener := range b.listeners {
		listener(event)
	}
}
