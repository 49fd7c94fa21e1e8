package prepare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// configSet makes the next version of a ConfigMap or Secret, and names it in the Deployments that name the one before.
type configSet struct {
	kind       workload.ConfigKind
	name       string
	set        map[string][]byte
	deployment string
	dryRun     bool
	output     cli.Output
	// held is what the keys of the versions hold that were looked at, by their names; nil of those that are not there or may not be read.
	held map[string]map[string][]byte
	// left are sentences about Deployments that name another version of the same object and are left as they are.
	left []string
}

func newConfig(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	parent := &cobra.Command{
		Use:   "config",
		Short: "Release a change of configuration step by step",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	s := &configSet{}
	var files, literals []string
	c := &cobra.Command{
		Use:   "set <configmap> | secret/<secret>",
		Short: "Make the next version of a ConfigMap or Secret, and release it step by step",
		Long: "Make the next version of a ConfigMap or Secret under a name of its own, and name it in the Deployments that name the one\n" +
			"before. That changes their pod templates, so that it goes out step by step as a new image does. The name of any version, such\n" +
			"as the first, stands for the one that is named now. What is changed in place reaches every pod at once; the label\n" +
			"stagger.dev/config: held refuses that. The version before stays, to go back to.",
		Example: "  kubectl stagger config set checkout --from-file=limits.yaml\n" +
			"  kubectl stagger config set secret/checkout --from-file=token=new-token.txt --dry-run",
		ValidArgsFunction: cli.CompleteConfigs(flags),
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.parse(args, files, literals); err != nil {
				return err
			}
			cluster, err := cli.Connect(flags)
			if err != nil {
				return err
			}
			return s.run(c.Context(), cluster, env)
		},
	}
	c.Flags().StringArrayVar(&files, "from-file", nil, "a file whose content becomes the value of its name, or of key=file")
	c.Flags().StringArrayVar(&literals, "from-literal", nil, "key=value")
	c.Flags().StringVar(&s.deployment, "deployment", "", "the only Deployment to change; without it all that name the version before")
	c.Flags().BoolVar(&s.dryRun, "dry-run", false, "say what would be done, and write nothing")
	s.output.AddTo(c.Flags(), "json, yaml or name: show the version that is made")
	parent.AddCommand(c)
	return parent
}

// parse takes the arguments, and reads the files.
func (s *configSet) parse(args, files, literals []string) error {
	if len(args) != 1 {
		return errors.New("config set needs the name of one ConfigMap or Secret: kubectl stagger config set checkout --from-file=limits.yaml")
	}
	if err := s.parseName(args[0]); err != nil {
		return err
	}
	s.set = map[string][]byte{}
	for _, file := range files {
		key, path, named := strings.Cut(file, "=")
		if !named {
			key, path = filepath.Base(file), file
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("--from-file=%s: %w", file, err)
		}
		if err := s.add("--from-file="+file, key, content); err != nil {
			return err
		}
	}
	for _, literal := range literals {
		key, value, named := strings.Cut(literal, "=")
		if !named {
			return fmt.Errorf("--from-literal=%s must be key=value", literal)
		}
		if err := s.add("--from-literal="+key, key, []byte(value)); err != nil {
			return err
		}
	}
	if len(s.set) == 0 {
		return errors.New("nothing is to be changed; give --from-file=[key=]file or --from-literal=key=value")
	}
	return s.output.Check("json", "yaml", "name")
}

// parseName takes "checkout", "configmap/checkout" or "secret/checkout", in kubectl's spellings.
func (s *configSet) parseName(arg string) error {
	kind, name, typed := strings.Cut(arg, "/")
	if !typed {
		kind, name = "configmap", arg
	}
	switch kind {
	case "configmap", "configmaps", "cm":
		s.kind = workload.ConfigMap
	case "secret", "secrets":
		s.kind = workload.Secret
	default:
		return fmt.Errorf("%q is neither a ConfigMap nor a Secret; write configmap/%s or secret/%s", arg, name, name)
	}
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return fmt.Errorf("%q is no name of a %s; write it as kubectl get %s lists it", name, s.kind, s.resource().Resource)
	}
	s.name = name
	return nil
}

func (s *configSet) add(flag, key string, value []byte) error {
	if len(validation.IsConfigMapKey(key)) > 0 {
		return fmt.Errorf("%s: %q cannot be a key; use letters, digits, '-', '_' and '.', as in --from-file=limits.yaml=path", flag, key)
	}
	if _, twice := s.set[key]; twice {
		return fmt.Errorf("%s: the key %s is given twice; give it once", flag, key)
	}
	s.set[key] = value
	return nil
}

func (s *configSet) resource() schema.GroupVersionResource {
	if s.kind == workload.Secret {
		return schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	}
	return schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
}

func (s *configSet) run(ctx context.Context, c cli.Cluster, env cli.Env) error {
	if err := s.follow(ctx, c); err != nil {
		return err
	}
	next, exists, err := s.next(ctx, c)
	if err != nil {
		return err
	}
	changes, err := s.changes(ctx, c, next)
	if err != nil {
		return err
	}
	if !s.dryRun {
		if !exists {
			if next, err = s.create(ctx, c, next); err != nil {
				return err
			}
		}
		if err := s.rename(ctx, c, next.GetName(), changes); err != nil {
			return err
		}
	}
	return s.print(c, env, next, exists, changes)
}

// next is the version that is to be made, or the one that is there already.
func (s *configSet) next(ctx context.Context, c cli.Cluster) (next *unstructured.Unstructured, exists bool, err error) {
	configs := c.Client.Resource(s.resource()).Namespace(c.Namespace)
	old, err := configs.Get(ctx, s.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, false, fmt.Errorf("no %s named %s is in %s; list those there are with: kubectl get %s -n %s", s.kind, s.name, cli.NamespaceText(c.Namespace), s.resource().Resource, c.Namespace)
	}
	if err != nil {
		return nil, false, fmt.Errorf("getting %s %s: %w", s.kind, s.name, err)
	}
	if next, err = s.nextVersion(old); err != nil {
		return nil, false, err
	}
	if equal, err := s.sameData(old, next); equal || err != nil {
		return nil, false, cmp.Or(err, fmt.Errorf("%s %s has these values already, so there is nothing to release", s.kind, s.name))
	}
	found, err := configs.Get(ctx, next.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return next, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("getting %s %s: %w", s.kind, next.GetName(), err)
	}
	if equal, err := s.sameData(found, next); !equal || err != nil {
		return nil, false, cmp.Or(err, fmt.Errorf("%s %s is there with other data, so nothing was written; delete it if no pod uses it, and say it again", s.kind, next.GetName()))
	}
	return found, true, nil
}

// nextVersion is the version after an object.
func (s *configSet) nextVersion(old *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	var object any
	if s.kind == workload.Secret {
		var secret corev1.Secret
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(old.Object, &secret); err != nil {
			return nil, fmt.Errorf("reading Secret %s: %w", old.GetName(), err)
		}
		object = workload.NextSecret(&secret, s.set)
	} else {
		var m corev1.ConfigMap
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(old.Object, &m); err != nil {
			return nil, fmt.Errorf("reading ConfigMap %s: %w", old.GetName(), err)
		}
		object = workload.NextConfigMap(&m, s.set)
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("making the version after %s %s: %w", s.kind, old.GetName(), err)
	}
	return &unstructured.Unstructured{Object: fields}, nil
}

// sameData says whether two objects hold the same values under the same keys.
func (s *configSet) sameData(a, b *unstructured.Unstructured) (bool, error) {
	x, err := s.data(a)
	if err != nil {
		return false, err
	}
	y, err := s.data(b)
	return maps.EqualFunc(x, y, slices.Equal), err
}

// data is what the keys of an object hold.
func (s *configSet) data(o *unstructured.Unstructured) (map[string][]byte, error) {
	var secret corev1.Secret
	var m corev1.ConfigMap
	into := any(&m)
	if s.kind == workload.Secret {
		into = &secret
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, into); err != nil {
		return nil, fmt.Errorf("reading %s %s: %w", s.kind, o.GetName(), err)
	}
	data := workload.SecretData(&secret)
	maps.Copy(data, workload.ConfigMapData(&m))
	return data, nil
}

func (s *configSet) create(ctx context.Context, c cli.Cluster, next *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	made, err := c.Client.Resource(s.resource()).Namespace(c.Namespace).Create(ctx, next, metav1.CreateOptions{FieldManager: cli.FieldManager})
	if err != nil {
		return nil, fmt.Errorf("making %s %s: %w", s.kind, next.GetName(), err)
	}
	return made, nil
}

// print says what was done on the standard output, or on the standard error where the object is asked for.
func (s *configSet) print(c cli.Cluster, env cli.Env, next *unstructured.Unstructured, exists bool, changes []change) error {
	does := "is made, and named by"
	switch {
	case exists && s.dryRun:
		does = "is there already, and would be named by"
	case exists:
		does = "is there already, and named by"
	case s.dryRun:
		does = "would be made, and named by"
	}
	text := fmt.Sprintf("%s %s %s Deployment %s instead of %s", s.kind, next.GetName(), does, join(changes), s.name)
	if err := (cli.Result{Written: cli.Written{Object: next}, Text: text}).Print(s.output, env); err != nil {
		return err
	}
	if noted := changes[0].noted; len(noted) > 0 && noted[0].Since == s.name {
		cli.Say(env.Streams.ErrOut, "%s", noted[0].Says)
	}
	for _, left := range s.left {
		cli.Say(env.Streams.ErrOut, "%s", left)
	}
	for _, d := range changes {
		cli.Say(env.Streams.ErrOut, "%s", s.whatFollows(c, d))
	}
	return nil
}

// whatFollows is what comes after the change of a Deployment.
func (s *configSet) whatFollows(c cli.Cluster, d change) string {
	switch {
	case !d.held && s.dryRun:
		return fmt.Sprintf("Deployment %s is not held by Stagger, so all of its pods would get it by a rollout of Kubernetes's own", d.deployment)
	case !d.held:
		return fmt.Sprintf("Deployment %s is not held by Stagger, so all of its pods get it by a rollout of Kubernetes's own", d.deployment)
	case s.dryRun:
		return fmt.Sprintf("Deployment %s would go out step by step", d.deployment)
	}
	status := "kubectl stagger status -n " + c.Namespace
	if len(d.services) > 0 {
		status = c.CommandLine("status", d.services[0])
	}
	return fmt.Sprintf("Deployment %s goes out step by step; follow it with: %s", d.deployment, status)
}
