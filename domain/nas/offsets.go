package nas

// Offsets are the next offset to read of each partition (index = partition), NAS-30.
type Offsets []int64

// Ranges are the offsets that were delivered, by partition and ascending.
type Ranges []Range

// Range is the offsets From..To of a partition, both delivered.
type Range struct {
	Partition int
	From, To  int64
}
