// Package patch is JSON Patch (RFC 6902) as values: what Stagger writes to objects it does not own.
//
// A typed read-modify-update drops fields the client's types do not know and undoes edits made since
// the read. A patch of named paths, each guarded by a test, does neither.
//
//	Test     the value must still be this, else the API server answers 422 and nothing is written
//	Add      sets a member or inserts an element
//	Replace  sets a member that exists
//	Remove   deletes a member or element that exists
package patch
