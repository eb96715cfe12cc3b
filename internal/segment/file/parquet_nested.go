package file

import (
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// parquetNode is a node in the schema of a column. Lists, maps and groups of fields
// are composed from the values of the leaves, whose levels say down to where they
// are not null (definition) and which list continues (repetition).
type parquetNode struct {
	kind       nodeKind
	definition int // minimum level of a value that is not null
	outer      int // maximum repetition level of a value that begins anew
	repetition int // level of the further elements of a list
	present    int // minimum definition level of a list that is not empty
	names      []string
	children   []*parquetNode
	leaves     []*parquetLeaf // of the whole subtree
	isJSON     bool           // of a leaf
}

type nodeKind int

const (
	leafNode nodeKind = iota
	groupNode
	listNode
	mapNode
)

// errUnmappable names a type that cannot be converted to text.
type errUnmappable string

func (e errUnmappable) Error() string { return string(e) }

// newParquetColumn prepares to read a column.
func newParquetColumn(column *parquet.Column) (*parquetReader, error) {
	root, err := newParquetNode(column)
	if err != nil {
		return nil, err
	}
	nested := root.kind != leafNode
	return &parquetReader{leaves: root.leaves, root: root, nested: nested, json: nested || root.isJSON}, nil
}

func newParquetNode(column *parquet.Column) (*parquetNode, error) {
	if !column.Repeated() {
		return newPlainNode(column)
	}
	element, err := newPlainNode(column) // a list of writers that do not mark it as one
	if err != nil {
		return nil, err
	}
	return newList(element, column, 0), nil
}

func newList(element *parquetNode, repeated *parquet.Column, definition int) *parquetNode {
	return &parquetNode{
		kind: listNode, definition: definition, outer: repeated.MaxRepetitionLevel() - 1, repetition: repeated.MaxRepetitionLevel(), present: repeated.MaxDefinitionLevel(),
		children: []*parquetNode{element}, leaves: element.leaves,
	}
}

func newPlainNode(column *parquet.Column) (*parquetNode, error) {
	if column.Leaf() {
		value, isJSON := parquetType(column)
		if value == nil {
			return nil, errUnmappable("type " + column.Type().String())
		}
		leaf := &parquetLeaf{index: column.Index(), append: value, unsigned: isUnsigned(column), decimal: isDecimal(column)}
		return &parquetNode{definition: column.MaxDefinitionLevel(), outer: column.MaxRepetitionLevel(), leaves: []*parquetLeaf{leaf}, isJSON: isJSON}, nil
	}
	if logical := column.Type().LogicalType(); logical != nil {
		switch logical.Value.(type) {
		case *format.ListType:
			return newListNode(column)
		case *format.MapType:
			return newMapNode(column)
		default:
			return nil, errUnmappable("type " + column.Type().String())
		}
	}
	return newGroup(column, groupNode)
}

func newGroup(column *parquet.Column, kind nodeKind) (*parquetNode, error) {
	node := &parquetNode{kind: kind, definition: column.MaxDefinitionLevel(), outer: column.MaxRepetitionLevel()}
	for _, child := range column.Columns() {
		n, err := newParquetNode(child)
		if err != nil {
			return nil, err
		}
		node.names = append(node.names, child.Name())
		node.children = append(node.children, n)
		node.leaves = append(node.leaves, n.leaves...)
	}
	if len(node.leaves) == 0 {
		return nil, errUnmappable("a group without fields")
	}
	return node, nil
}

// newListNode accepts lists of three levels, as the format specifies them, and of
// two, as old writers have them.
func newListNode(column *parquet.Column) (*parquetNode, error) {
	if len(column.Columns()) != 1 || !column.Columns()[0].Repeated() {
		return nil, errUnmappable("a list without a repeated element")
	}
	repeated := column.Columns()[0]
	inner := repeated.Columns()
	var element *parquetNode
	var err error
	if repeated.Leaf() || len(inner) != 1 || repeated.Name() == "array" || repeated.Name() == column.Name()+"_tuple" {
		element, err = newPlainNode(repeated)
	} else {
		element, err = newParquetNode(inner[0])
	}
	if err != nil {
		return nil, err
	}
	return newList(element, repeated, column.MaxDefinitionLevel()), nil
}

func newMapNode(column *parquet.Column) (*parquetNode, error) {
	if len(column.Columns()) != 1 || !column.Columns()[0].Repeated() || len(column.Columns()[0].Columns()) != 2 {
		return nil, errUnmappable("a map without keys and values")
	}
	entry := column.Columns()[0]
	element, err := newGroup(entry, groupNode)
	if err != nil {
		return nil, err
	}
	if key := element.children[0]; key.kind != leafNode {
		return nil, errUnmappable("a map whose keys are not plain values")
	}
	node := newList(element, entry, column.MaxDefinitionLevel())
	node.kind = mapNode
	return node, nil
}

// fillNested makes the cells of a nested column up to the n-th of the batch.
func (c *parquetReader) fillNested(n int) error {
	for len(c.ends) < n {
		null, err := c.root.isNull(false)
		if err != nil {
			return err
		}
		if null {
			err = c.root.skip()
		} else {
			c.bytes, err = c.root.append(c.bytes)
		}
		if err != nil {
			return err
		}
		c.ends = append(c.ends, len(c.bytes))
	}
	return nil
}

// peek returns the next value of a leaf, which is valid until more values are read.
func (l *parquetLeaf) peek() (parquet.Value, error) {
	if len(l.ready) == 0 {
		if err := l.readMore(maxBatchRows); err != nil {
			return parquet.Value{}, err
		}
	}
	return l.ready[0], nil
}

func (n *parquetNode) isNull(inner bool) (bool, error) {
	v, err := n.leaves[0].peek()
	if err == nil && inner && v.DefinitionLevel() >= n.definition && n.kind == leafNode && v.IsNull() {
		return true, nil
	}
	return v.DefinitionLevel() < n.definition, err
}

// skip skips a null, which is one value in each leaf. Of an array of a fixed size
// DuckDB writes as many as the array would have.
func (n *parquetNode) skip() error {
	for _, leaf := range n.leaves {
		if _, err := leaf.peek(); err != nil {
			return err
		}
		for more := true; more; {
			leaf.ready = leaf.ready[1:]
			v, err := leaf.peek()
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			more = err == nil && v.RepetitionLevel() > n.outer
		}
	}
	return nil
}

// append appends the next value as JSON.
func (n *parquetNode) append(buf []byte) ([]byte, error) {
	null, err := n.isNull(true)
	if err != nil {
		return buf, err
	}
	if null {
		return append(buf, "null"...), n.skip()
	}
	switch n.kind {
	case leafNode:
		leaf := n.leaves[0]
		if err := leaf.checkLength(len(buf), leaf.ready[0]); err != nil {
			return buf, err
		}
		buf = appendQuoted(buf, leaf.ready[0], leaf.append, n.isJSON)
		leaf.ready = leaf.ready[1:]
		return buf, nil
	case groupNode:
		return n.appendGroup(buf)
	case mapNode:
		return n.appendList(buf, '{', '}', n.children[0].appendEntry)
	default:
		return n.appendList(buf, '[', ']', n.children[0].append)
	}
}

func (n *parquetNode) appendGroup(buf []byte) ([]byte, error) {
	buf = append(buf, '{')
	for i, child := range n.children {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = appendJSONString(buf, n.names[i])
		buf = append(buf, ':')
		var err error
		if buf, err = child.append(buf); err != nil {
			return buf, err
		}
	}
	return append(buf, '}'), nil
}

func (n *parquetNode) appendList(buf []byte, opening, closing byte, element func([]byte) ([]byte, error)) ([]byte, error) {
	first := n.leaves[0]
	v, err := first.peek()
	if err != nil {
		return buf, err
	}
	buf = append(buf, opening)
	if v.DefinitionLevel() < n.present { // it is empty
		return append(buf, closing), n.skip()
	}
	for {
		if buf, err = element(buf); err != nil {
			return buf, err
		}
		if len(buf) > first.maxBytes { // nulls have no value to look at
			return buf, errTooLong
		}
		v, err := first.peek()
		if errors.Is(err, io.EOF) || err == nil && v.RepetitionLevel() < n.repetition {
			return append(buf, closing), nil
		}
		if err != nil {
			return buf, err
		}
		buf = append(buf, ',')
	}
}

// appendEntry appends the key and the value of a map. Keys are strings in JSON.
func (n *parquetNode) appendEntry(buf []byte) ([]byte, error) {
	key := n.children[0]
	leaf := key.leaves[0]
	v, err := leaf.peek()
	if err != nil {
		return buf, err
	}
	if err := leaf.checkLength(len(buf), v); err != nil {
		return buf, err
	}
	var text []byte
	if !v.IsNull() {
		text = leaf.append(nil, v)
	}
	leaf.ready = leaf.ready[1:]
	buf = append(appendJSONString(buf, string(text)), ':')
	return n.children[1].append(buf)
}
